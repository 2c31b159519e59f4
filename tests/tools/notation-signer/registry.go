package main

import (
	"context"
	"fmt"

	"github.com/notaryproject/notation-go/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	orasregistry "oras.land/oras-go/v2/registry"
	"oras.land/oras-go/v2/registry/remote"
)

// openRepository names the image's repository. referrers is how signatures are
// attached and found: "auto" asks the registry, "api" and "tag" force one way.
func openRepository(image string, plainHTTP bool, referrers string) (registry.Repository, error) {
	repository, err := remote.NewRepository(image)
	if err != nil {
		return nil, err
	}
	repository.PlainHTTP = plainHTTP
	switch referrers {
	case "auto":
	case "api", "tag":
		if err := repository.SetReferrersCapability(referrers == "api"); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("--referrers: expected auto, api or tag, got %q", referrers)
	}
	return registry.NewRepository(repository), nil
}

// pin replaces a tag by the digest it has now, as the notation command line
// does: the library looks policies up by digest references only.
func pin(ctx context.Context, repository registry.Repository, image string) (string, error) {
	reference, err := orasregistry.ParseReference(image)
	if err != nil {
		return "", err
	}
	artifact, err := repository.Resolve(ctx, reference.ReferenceOrDefault())
	if err != nil {
		return "", err
	}
	reference.Reference = artifact.Digest.String()
	return reference.String(), nil
}

// pushRecorder remembers what notation.Sign pushed, which it does not return.
type pushRecorder struct {
	registry.Repository
	envelope []byte
	blob     ocispec.Descriptor
	manifest ocispec.Descriptor
}

func (r *pushRecorder) PushSignature(ctx context.Context, mediaType string, envelope []byte, subject ocispec.Descriptor, annotations map[string]string) (blob, manifest ocispec.Descriptor, err error) {
	blob, manifest, err = r.Repository.PushSignature(ctx, mediaType, envelope, subject, annotations)
	r.envelope, r.blob, r.manifest = envelope, blob, manifest
	return blob, manifest, err
}
