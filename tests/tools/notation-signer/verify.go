package main

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/notaryproject/notation-core-go/signature"
	"github.com/notaryproject/notation-core-go/signature/cose"
	"github.com/notaryproject/notation-core-go/signature/jws"
	"github.com/notaryproject/notation-go"
	"github.com/notaryproject/notation-go/dir"
	"github.com/notaryproject/notation-go/verifier"
	"github.com/notaryproject/notation-go/verifier/trustpolicy"
	"github.com/notaryproject/notation-go/verifier/truststore"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// verdict is what verify prints: the library's answer and, per signature
// tried, the outcome of every check with the action the level gives it.
type verdict struct {
	Verified   bool                `json:"verified"`
	Artifact   *ocispec.Descriptor `json:"artifact,omitempty"`
	Error      string              `json:"error,omitempty"`
	Signatures []outcome           `json:"signatures"`
}

type outcome struct {
	Level        string            `json:"level"`
	Scheme       string            `json:"scheme,omitempty"`
	Subject      string            `json:"subject,omitempty"`
	UserMetadata map[string]string `json:"userMetadata,omitempty"`
	Checks       []check           `json:"checks"`
	Error        string            `json:"error,omitempty"`
}

type check struct {
	Type   string `json:"type"`
	Action string `json:"action"`
	Error  string `json:"error,omitempty"`
}

func verify(ctx context.Context, args []string) error {
	var trust trustFlags
	flags := flag.NewFlagSet("verify", flag.ContinueOnError)
	trust.register(flags)
	plainHTTP := flags.Bool("plain-http", false, "speak HTTP to the registry")
	referrers := flags.String("referrers", "auto", "find signatures by referrers API or fallback tag: auto, api or tag")
	attempts := flags.Int("max-signatures", 100, "give up after this many signatures")
	image, err := parseImage(flags, args)
	if err != nil {
		return err
	}
	judge, err := trust.verifier()
	if err != nil {
		return err
	}
	repository, err := openRepository(image, *plainHTTP, *referrers)
	if err != nil {
		return err
	}
	pinned, err := pin(ctx, repository, image)
	if err != nil {
		return err
	}
	artifact, _, err := notation.Verify(ctx, judge, repository, notation.VerifyOptions{
		ArtifactReference:    pinned,
		MaxSignatureAttempts: *attempts,
		UserMetadata:         trust.metadata.asMap(),
	})
	return report(&artifact, judge.outcomes, err)
}

// verifyEnvelope verifies one envelope without a registry, and with --repeat
// says how long a verification takes.
func verifyEnvelope(ctx context.Context, args []string) error {
	var trust trustFlags
	flags := flag.NewFlagSet("verify-envelope", flag.ContinueOnError)
	trust.register(flags)
	envelopePath := flags.String("envelope", "", "file with the signature envelope")
	artifactPath := flags.String("artifact", "", "JSON file with the descriptor of the signed artifact")
	format := flags.String("format", "jws", "envelope: jws or cose")
	repeat := flags.Int("repeat", 1, "verify this often; above 1, print the mean time instead of the verdict")
	image, err := parseImage(flags, args)
	if err != nil {
		return err
	}
	envelope, err := os.ReadFile(*envelopePath)
	if err != nil {
		return err
	}
	var artifact ocispec.Descriptor
	if err := readJSON(*artifactPath, &artifact); err != nil {
		return err
	}
	judge, err := trust.verifier()
	if err != nil {
		return err
	}
	opts := notation.VerifierVerifyOptions{
		ArtifactReference:  image,
		SignatureMediaType: map[string]string{"jws": jws.MediaTypeEnvelope, "cose": cose.MediaTypeEnvelope}[*format],
		UserMetadata:       trust.metadata.asMap(),
	}
	if *repeat > 1 {
		return timeVerification(ctx, judge.Verifier, artifact, envelope, opts, *repeat)
	}
	_, err = judge.Verify(ctx, artifact, envelope, opts)
	return report(&artifact, judge.outcomes, err)
}

func timeVerification(ctx context.Context, judge notation.Verifier, artifact ocispec.Descriptor, envelope []byte, opts notation.VerifierVerifyOptions, repeat int) error {
	began := time.Now()
	for range repeat {
		if _, err := judge.Verify(ctx, artifact, envelope, opts); err != nil {
			return report(nil, nil, err)
		}
	}
	mean := time.Since(began) / time.Duration(repeat)
	return printJSON(map[string]int64{"repeat": int64(repeat), "nanosecondsEach": mean.Nanoseconds()})
}

func report(artifact *ocispec.Descriptor, outcomes []*notation.VerificationOutcome, err error) error {
	result := verdict{Verified: err == nil, Signatures: []outcome{}}
	for _, recorded := range outcomes {
		result.Signatures = append(result.Signatures, summarize(recorded))
	}
	if err == nil && artifact != nil && artifact.Digest != "" {
		result.Artifact = artifact
	}
	if err != nil {
		result.Error = err.Error()
	}
	if printErr := printJSON(result); printErr != nil {
		return printErr
	}
	if err != nil {
		return errNotVerified
	}
	return nil
}

func summarize(recorded *notation.VerificationOutcome) outcome {
	result := outcome{Level: recorded.VerificationLevel.Name, Checks: []check{}, Error: errorText(recorded.Error)}
	for _, done := range recorded.VerificationResults {
		result.Checks = append(result.Checks, check{
			Type:   string(done.Type),
			Action: string(done.Action),
			Error:  errorText(done.Error),
		})
	}
	if recorded.EnvelopeContent != nil {
		result.describeSigner(&recorded.EnvelopeContent.SignerInfo)
		result.UserMetadata, _ = recorded.UserMetadata() // absent when the payload is no payload
	}
	return result
}

func (o *outcome) describeSigner(signer *signature.SignerInfo) {
	o.Scheme = string(signer.SignedAttributes.SigningScheme)
	if len(signer.CertificateChain) > 0 {
		o.Subject = signer.CertificateChain[0].Subject.String()
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

type trustFlags struct {
	policy   string
	store    string
	metadata attributes
}

func (t *trustFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&t.policy, "policy", "", "trustpolicy.json")
	flags.StringVar(&t.store, "trust-store", "", "directory with x509/{ca,signingAuthority,tsa}/NAME/*.{pem,crt,cer}")
	flags.Var(&t.metadata, "user-metadata", "`KEY=VALUE` that the signature must carry; repeatable")
}

func (t *trustFlags) verifier() (*recordingVerifier, error) {
	var document trustpolicy.Document
	if err := readJSON(t.policy, &document); err != nil {
		return nil, fmt.Errorf("--policy: %w", err)
	}
	store := truststore.NewX509TrustStore(trustStoreDir(t.store))
	inner, err := verifier.New(&document, store, nil)
	if err != nil {
		return nil, err
	}
	return &recordingVerifier{Verifier: inner}, nil
}

// recordingVerifier keeps every outcome: notation.Verify drops those of failed
// signatures.
type recordingVerifier struct {
	notation.Verifier
	outcomes []*notation.VerificationOutcome
}

func (r *recordingVerifier) Verify(ctx context.Context, artifact ocispec.Descriptor, envelope []byte, opts notation.VerifierVerifyOptions) (*notation.VerificationOutcome, error) {
	result, err := r.Verifier.Verify(ctx, artifact, envelope, opts)
	if result != nil {
		r.outcomes = append(r.outcomes, result)
	}
	return result, err
}

// SkipVerify passes on the question that notation.Verify asks a verifier when
// it has this method.
func (r *recordingVerifier) SkipVerify(ctx context.Context, opts notation.VerifierVerifyOptions) (bool, *trustpolicy.VerificationLevel, error) {
	skipper, ok := r.Verifier.(interface {
		SkipVerify(context.Context, notation.VerifierVerifyOptions) (bool, *trustpolicy.VerificationLevel, error)
	})
	if !ok {
		return false, nil, nil
	}
	return skipper.SkipVerify(ctx, opts)
}

// trustStoreDir is the trust store itself; the library's own file system has
// it one level down, under "truststore".
type trustStoreDir string

var _ dir.SysFS = trustStoreDir("")

func (d trustStoreDir) Open(name string) (fs.File, error) { return os.DirFS(string(d)).Open(name) }

func (d trustStoreDir) SysPath(items ...string) (string, error) {
	inside, err := filepath.Rel(dir.TrustStoreDir, filepath.Join(items...))
	return filepath.Join(string(d), inside), err
}
