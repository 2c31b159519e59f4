package main

import (
	"context"
	"crypto/x509"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/notaryproject/notation-core-go/revocation"
	"github.com/notaryproject/notation-core-go/revocation/purpose"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	corex509 "github.com/notaryproject/notation-core-go/x509"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/tspclient-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type signFlags struct {
	plainHTTP bool
	referrers string
	format    string
	expiry    time.Duration
	metadata  attributes
	tsaURL    string
	tsaRoot   string
	output    string
	signer    signerFlags
}

// signed is what sign prints: the artifact, and the signature manifest and
// envelope that now exist beside it.
type signed struct {
	Artifact ocispec.Descriptor `json:"artifact"`
	Manifest ocispec.Descriptor `json:"manifest"`
	Envelope ocispec.Descriptor `json:"envelope"`
}

func sign(ctx context.Context, args []string) error {
	opts, image, err := parseSignFlags(args)
	if err != nil {
		return err
	}
	signer, err := newSigner(opts.signer)
	if err != nil {
		return err
	}
	request, err := opts.request(image)
	if err != nil {
		return err
	}
	repository, err := openRepository(image, opts.plainHTTP, opts.referrers)
	if err != nil {
		return err
	}
	pushed := &pushRecorder{Repository: repository}
	artifact, err := notation.Sign(ctx, signer, pushed, request)
	if err != nil {
		return err
	}
	if opts.output != "" {
		if err := os.WriteFile(opts.output, pushed.envelope, 0o644); err != nil {
			return err
		}
	}
	return printJSON(signed{Artifact: artifact, Manifest: pushed.manifest, Envelope: pushed.blob})
}

func parseSignFlags(args []string) (opts signFlags, image string, err error) {
	flags := flag.NewFlagSet("sign", flag.ContinueOnError)
	flags.BoolVar(&opts.plainHTTP, "plain-http", false, "speak HTTP to the registry")
	flags.StringVar(&opts.referrers, "referrers", "auto", "attach by referrers API or fallback tag: auto, api or tag")
	flags.StringVar(&opts.format, "format", "jws", "envelope: jws or cose")
	flags.DurationVar(&opts.expiry, "expiry", 0, "expire this long after the signing time, in whole seconds (0: never)")
	flags.Var(&opts.metadata, "user-metadata", "`KEY=VALUE` to sign with the artifact; repeatable")
	flags.StringVar(&opts.tsaURL, "tsa-url", "", "RFC 3161 server that timestamps the signature; needs --tsa-root")
	flags.StringVar(&opts.tsaRoot, "tsa-root", "", "PEM file with the TSA's root certificates")
	flags.StringVar(&opts.output, "output", "", "also write the envelope to this file")
	flags.StringVar(&opts.signer.key, "key", "", "PEM file with the private key")
	flags.StringVar(&opts.signer.certChain, "cert-chain", "", "PEM file with the certificates, leaf first and root last")
	flags.StringVar(&opts.signer.scheme, "scheme", "x509", "signing scheme: x509 or signingAuthority")
	flags.Func("signing-time", "sign as of this `RFC3339` time instead of now", func(value string) (err error) {
		opts.signer.signingTime, err = time.Parse(time.RFC3339, value)
		return err
	})
	flags.Var(&opts.signer.critical, "critical", "extended critical attribute `KEY=VALUE`; repeatable")
	image, err = parseImage(flags, args)
	return opts, image, err
}

// request turns the flags into the options that the notation command line
// would hand to the library.
func (o *signFlags) request(image string) (notation.SignOptions, error) {
	request := notation.SignOptions{ArtifactReference: image, UserMetadata: o.metadata.asMap()}
	request.ExpiryDuration = o.expiry
	switch o.format {
	case "jws":
		request.SignatureMediaType = jws.MediaTypeEnvelope
	case "cose":
		request.SignatureMediaType = cose.MediaTypeEnvelope
	default:
		return request, fmt.Errorf("--format: expected jws or cose, got %q", o.format)
	}
	if (o.tsaURL == "") != (o.tsaRoot == "") {
		return request, fmt.Errorf("--tsa-url and --tsa-root belong together")
	}
	if o.tsaURL == "" {
		return request, nil
	}
	return request, o.addTimestamper(&request.SignerSignOptions)
}

func (o *signFlags) addTimestamper(request *notation.SignerSignOptions) (err error) {
	if request.Timestamper, err = tspclient.NewHTTPTimestamper(nil, o.tsaURL); err != nil {
		return err
	}
	roots, err := corex509.ReadCertificateFile(o.tsaRoot)
	if err != nil {
		return err
	}
	request.TSARootCAs = x509.NewCertPool()
	for _, root := range roots {
		request.TSARootCAs.AddCert(root)
	}
	request.TSARevocationValidator, err = revocation.NewWithOptions(revocation.Options{CertChainPurpose: purpose.Timestamping})
	return err
}

// attributes is a repeatable KEY=VALUE flag that keeps its order.
type attributes [][2]string

func (a *attributes) String() string { return fmt.Sprint(*a) }

func (a *attributes) Set(text string) error {
	key, value, found := strings.Cut(text, "=")
	if !found || key == "" {
		return fmt.Errorf("expected KEY=VALUE, got %q", text)
	}
	*a = append(*a, [2]string{key, value})
	return nil
}

func (a attributes) asMap() map[string]string {
	pairs := make(map[string]string, len(a))
	for _, pair := range a {
		pairs[pair[0]] = pair[1]
	}
	return pairs
}
