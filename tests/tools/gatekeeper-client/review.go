package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/open-policy-agent/frameworks/constraint/pkg/client/reviews"
	"github.com/open-policy-agent/frameworks/constraint/pkg/types"
	mutation "github.com/open-policy-agent/gatekeeper/v3/pkg/mutation/types"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/target"
	"github.com/open-policy-agent/gatekeeper/v3/pkg/util"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// webhookTimeout is timeoutSeconds of Gatekeeper's validating webhook: then the API server hangs up.
const webhookTimeout = 3 * time.Second

type answer struct {
	Reviews []review `json:"reviews"`
}

// review is what the constraints say of one object.
type review struct {
	Violations []violation `json:"violations"`
	// Error is set when the object could not be reviewed at all.
	Error  string `json:"error,omitempty"`
	Micros int64  `json:"micros"`
}

type violation struct {
	Message string `json:"message"`
	Details any    `json:"details"`
}

// reviewAll reviews one object after another, as audit does, or all at once, as webhooks are called.
func (g *gatekeeper) reviewAll(ctx context.Context, asked *command) (*answer, error) {
	one := g.admit
	switch asked.Point {
	case "webhook":
	case "audit":
		one = g.audit
	default:
		return nil, fmt.Errorf("expected the point webhook or audit, found %q", asked.Point)
	}
	done := make([]review, len(asked.Review))
	var running sync.WaitGroup
	for index, object := range asked.Review {
		if !asked.AtOnce {
			done[index] = timed(ctx, object, one)
			continue
		}
		running.Add(1)
		go func() {
			defer running.Done()
			done[index] = timed(ctx, object, one)
		}()
	}
	running.Wait()
	return &answer{Reviews: done}, nil
}

type reviewer func(context.Context, *unstructured.Unstructured) (*types.Responses, error)

func timed(ctx context.Context, object *unstructured.Unstructured, one reviewer) review {
	began := time.Now()
	responses, err := one(ctx, object)
	told := review{Violations: []violation{}, Micros: time.Since(began).Microseconds()}
	if err != nil {
		told.Error = err.Error()
	}
	for _, result := range responses.Results() {
		told.Violations = append(told.Violations, violation{result.Msg, result.Metadata["details"]})
	}
	return told
}

// admit reviews a creation, as the validating webhook does.
func (g *gatekeeper) admit(ctx context.Context, object *unstructured.Unstructured) (*types.Responses, error) {
	ctx, cancel := context.WithTimeout(ctx, webhookTimeout)
	defer cancel()
	raw, err := object.MarshalJSON()
	if err != nil {
		return nil, err
	}
	kind := object.GroupVersionKind()
	return g.client.Review(ctx, &target.AugmentedReview{
		AdmissionRequest: &admissionv1.AdmissionRequest{
			Kind:      metav1.GroupVersionKind{Group: kind.Group, Version: kind.Version, Kind: kind.Kind},
			Name:      object.GetName(),
			Namespace: object.GetNamespace(),
			Operation: admissionv1.Create,
			Object:    runtime.RawExtension{Raw: raw},
		},
		Namespace:   namespaceOf(object),
		Source:      mutation.SourceTypeOriginal,
		IsAdmission: true,
	}, reviews.EnforcementPoint(util.WebhookEnforcementPoint))
}

// audit reviews what already exists. Nobody but the Provider's timeout bounds it.
func (g *gatekeeper) audit(ctx context.Context, object *unstructured.Unstructured) (*types.Responses, error) {
	return g.client.Review(ctx, target.AugmentedUnstructured{
		Object:    *object,
		Namespace: namespaceOf(object),
		Source:    mutation.SourceTypeOriginal,
	}, reviews.EnforcementPoint(util.AuditEnforcementPoint))
}

func namespaceOf(object *unstructured.Unstructured) *corev1.Namespace {
	if object.GetNamespace() == "" {
		return nil
	}
	return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: object.GetNamespace()}}
}
