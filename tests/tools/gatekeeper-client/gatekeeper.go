package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/apis/externaldata/unversioned"
	templatesv1 "github.com/open-policy-agent/frameworks/constraint/pkg/apis/templates/v1"
	constraintclient "github.com/open-policy-agent/frameworks/constraint/pkg/client"
	"github.com/open-policy-agent/frameworks/constraint/pkg/client/drivers/rego"
	"github.com/open-policy-agent/frameworks/constraint/pkg/core/templates"
	"github.com/open-policy-agent/frameworks/constraint/pkg/externaldata"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/certwatcher"
)

// gatekeeper is what the manager's setup makes of its flags, as far as reviews need it.
type gatekeeper struct {
	providers *externaldata.ProviderCache
	client    *constraintclient.Client
	scheme    *runtime.Scheme
}

// command is one line of input: exactly one of apply, delete and review.
type command struct {
	Apply  *unstructured.Unstructured   `json:"apply"`
	Delete *unstructured.Unstructured   `json:"delete"`
	Review []*unstructured.Unstructured `json:"review"`
	Point  string                       `json:"point"`
	AtOnce bool                         `json:"atOnce"`
}

func start(ctx context.Context, certificates string, ttl time.Duration) (*gatekeeper, error) {
	watcher, err := certwatcher.New(filepath.Join(certificates, "tls.crt"), filepath.Join(certificates, "tls.key"))
	if err != nil {
		return nil, fmt.Errorf("the client certificate: %w", err)
	}
	go func() {
		if err := watcher.Start(ctx); err != nil {
			panic(err)
		}
	}()
	providers := externaldata.NewCache()
	args := []rego.Arg{
		rego.Tracing(false),
		rego.DisableBuiltins("http.send"),
		rego.AddExternalDataProviderCache(providers),
		rego.EnableExternalDataClientAuth(),
		rego.AddExternalDataClientCertWatcher(watcher),
		rego.Externs(),
	}
	if ttl > 0 {
		args = append(args, rego.AddExternalDataProviderResponseCache(externaldata.NewProviderResponseCache(ctx, ttl)))
	}
	driver, err := rego.New(args...)
	if err != nil {
		return nil, err
	}
	client, err := constraintclient.NewClient(
		constraintclient.Targets(&target.K8sValidationTarget{}),
		constraintclient.Driver(driver),
		constraintclient.EnforcementPoints(util.AuditEnforcementPoint, util.WebhookEnforcementPoint),
	)
	if err != nil {
		return nil, err
	}
	scheme := runtime.NewScheme()
	if err := templatesv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	return &gatekeeper{providers: providers, client: client, scheme: scheme}, nil
}

func (g *gatekeeper) obey(ctx context.Context, line []byte) (any, error) {
	var asked command
	if err := json.Unmarshal(line, &asked); err != nil {
		return nil, err
	}
	switch {
	case asked.Apply != nil:
		return struct{}{}, g.apply(ctx, asked.Apply)
	case asked.Delete != nil && asked.Delete.GetKind() == "Provider":
		g.providers.Remove(asked.Delete.GetName())
		return struct{}{}, nil
	case asked.Review != nil:
		return g.reviewAll(ctx, &asked)
	default:
		return nil, errors.New("expected apply, delete (of a Provider) or review")
	}
}

func (g *gatekeeper) apply(ctx context.Context, object *unstructured.Unstructured) error {
	switch gvk := object.GroupVersionKind(); {
	case gvk.Kind == "ConstraintTemplate":
		return g.addTemplate(ctx, object)
	case gvk.Kind == "Provider":
		var provider unversioned.Provider
		if err := convert(object, &provider); err != nil {
			return err
		}
		return g.providers.Upsert(&provider)
	case gvk.Group == "constraints.gatekeeper.sh":
		_, err := g.client.AddConstraint(ctx, object)
		return err
	default:
		return fmt.Errorf("expected a ConstraintTemplate, a constraint or a Provider, found %s", gvk)
	}
}

func (g *gatekeeper) addTemplate(ctx context.Context, object *unstructured.Unstructured) error {
	var versioned templatesv1.ConstraintTemplate
	if err := convert(object, &versioned); err != nil {
		return err
	}
	// Defaults and the schema's conversion are part of what the API server would do.
	g.scheme.Default(&versioned)
	var template templates.ConstraintTemplate
	if err := g.scheme.Convert(&versioned, &template, nil); err != nil {
		return err
	}
	_, err := g.client.AddTemplate(ctx, &template)
	return err
}

// convert goes by way of JSON: the YAML of the API server is JSON as well.
func convert(object *unstructured.Unstructured, into any) error {
	raw, err := object.MarshalJSON()
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, into)
}
