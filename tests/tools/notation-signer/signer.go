package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/signer"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

type signerFlags struct {
	key         string
	certChain   string
	scheme      string
	signingTime time.Time
	critical    attributes
}

// newSigner takes notation's own signer where that can do what is asked, and
// otherwise the envelope builder below it, which offers the other signing
// scheme, a signing time and extended attributes.
func newSigner(flags signerFlags) (notation.Signer, error) {
	if flags.key == "" || flags.certChain == "" {
		return nil, fmt.Errorf("--key and --cert-chain are required")
	}
	if flags.scheme == "x509" && flags.signingTime.IsZero() && len(flags.critical) == 0 {
		return signer.NewGenericSignerFromFiles(flags.key, flags.certChain)
	}
	return newEnvelopeSigner(flags)
}

// envelopeSigner implements notation.Signer over notation-core-go.
type envelopeSigner struct {
	local       signature.LocalSigner
	scheme      signature.SigningScheme
	signingTime time.Time
	critical    []signature.Attribute
}

func newEnvelopeSigner(flags signerFlags) (*envelopeSigner, error) {
	result := &envelopeSigner{signingTime: flags.signingTime}
	if result.signingTime.IsZero() {
		result.signingTime = time.Now()
	}
	switch flags.scheme {
	case "x509":
		result.scheme = signature.SigningSchemeX509
	case "signingAuthority":
		result.scheme = signature.SigningSchemeX509SigningAuthority
	default:
		return nil, fmt.Errorf("--scheme: expected x509 or signingAuthority, got %q", flags.scheme)
	}
	for _, pair := range flags.critical {
		result.critical = append(result.critical, signature.Attribute{Key: pair[0], Critical: true, Value: pair[1]})
	}
	local, err := loadLocalSigner(flags.key, flags.certChain)
	result.local = local
	return result, err
}

func loadLocalSigner(key, certChain string) (signature.LocalSigner, error) {
	pair, err := tls.LoadX509KeyPair(certChain, key)
	if err != nil {
		return nil, err
	}
	certs := make([]*x509.Certificate, 0, len(pair.Certificate))
	for _, der := range pair.Certificate {
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", certChain, err)
		}
		certs = append(certs, cert)
	}
	return signature.NewLocalSigner(certs, pair.PrivateKey)
}

func (s *envelopeSigner) Sign(ctx context.Context, artifact ocispec.Descriptor, opts notation.SignerSignOptions) ([]byte, *signature.SignerInfo, error) {
	payload, err := json.Marshal(map[string]ocispec.Descriptor{"targetArtifact": {
		MediaType:   artifact.MediaType,
		Digest:      artifact.Digest,
		Size:        artifact.Size,
		Annotations: artifact.Annotations,
	}})
	if err != nil {
		return nil, nil, err
	}
	request := &signature.SignRequest{
		Payload:                  signature.Payload{ContentType: "application/vnd.cncf.notary.payload.v1+json", Content: payload},
		Signer:                   s.local,
		SigningTime:              s.signingTime,
		SigningScheme:            s.scheme,
		SigningAgent:             "notation-signer",
		ExtendedSignedAttributes: s.critical,
		Timestamper:              opts.Timestamper,
		TSARootCAs:               opts.TSARootCAs,
		TSARevocationValidator:   opts.TSARevocationValidator,
	}
	if opts.ExpiryDuration != 0 {
		request.Expiry = s.signingTime.Add(opts.ExpiryDuration)
	}
	return seal(opts.SignatureMediaType, request.WithContext(ctx))
}

func seal(mediaType string, request *signature.SignRequest) ([]byte, *signature.SignerInfo, error) {
	envelope, err := signature.NewEnvelope(mediaType)
	if err != nil {
		return nil, nil, err
	}
	sealed, err := envelope.Sign(request)
	if err != nil {
		return nil, nil, err
	}
	content, err := envelope.Content()
	if err != nil {
		return nil, nil, err
	}
	return sealed, &content.SignerInfo, nil
}
