// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// RightsPage is where the rights that each command needs are listed.
const RightsPage = "docs/cli.md#rights"

// ForbiddenError is a right that the caller lacks.
type ForbiddenError struct {
	// Verb and Resource are those of RBAC, such as list and localusers.pam-operator.io.
	Verb, Resource string
	// Namespace is empty for all namespaces, and for what is in none.
	Namespace string
	cause     error
}

// Error names the missing right.
func (e *ForbiddenError) Error() string {
	where := "in namespace " + e.Namespace
	if e.Namespace == "" {
		where = "in the whole cluster"
	}
	return fmt.Sprintf("you need %s on %s %s (%s)", e.Verb, e.Resource, where, RightsPage)
}

// Unwrap returns the answer of the API server.
func (e *ForbiddenError) Unwrap() error { return e.cause }

// RefusedError is what an admission policy, a webhook or a rule of the API refused.
type RefusedError struct {
	text  string
	cause error
}

// Error returns the reason of the refusal.
func (e *RefusedError) Error() string { return e.text }

// Unwrap returns the answer of the API server.
func (e *RefusedError) Unwrap() error { return e.cause }

// IsGone reports whether an object is not there. An API server that does not know its kind, or not yet, is no proof.
func IsGone(err error) bool { return apierrors.IsNotFound(err) && !notInstalled(err) }

// IsForbidden reports whether the caller lacks a right.
func IsForbidden(err error) bool {
	var forbidden *ForbiddenError
	return errors.As(err, &forbidden)
}

// lacking is how RBAC words a refusal. The verb may be another one than that of the call: an apply creates.
var lacking = regexp.MustCompile(`cannot (\w+) resource`)

// denied is how the API server words the refusal of an admission policy.
var denied = regexp.MustCompile(`(?s)ValidatingAdmissionPolicy '([^']*)'.* denied request: (.*)$`)

// explain words an error of the API server for people. RBAC's own message does not name the page with the rights, and
// buries the verb.
func (c *Client) explain(err error, o runtime.Object, namespace string) error {
	if err == nil {
		return nil
	}
	resource := c.resourceOf(o)
	if refusal := denied.FindStringSubmatch(err.Error()); refusal != nil {
		return &RefusedError{refusal[2] + " (admission policy " + refusal[1] + ")", err}
	}
	if missing := lacking.FindStringSubmatch(err.Error()); missing != nil && apierrors.IsForbidden(err) {
		return &ForbiddenError{missing[1], resource, namespace, err}
	}
	switch {
	case apierrors.IsUnauthorized(err):
		return fmt.Errorf("the API server does not accept your credentials; log in again: %w", err)
	case apierrors.IsInvalid(err):
		return &RefusedError{causes(err), err}
	case notInstalled(err):
		return fmt.Errorf("the API server does not know %s: is the operator installed? (kubectl pam check --pre): %w",
			resource, err)
	}
	return err
}

// causes are the messages about the fields of an invalid object.
func causes(err error) string {
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil || len(status.Status().Details.Causes) == 0 {
		return err.Error()
	}
	var texts []string
	for _, cause := range status.Status().Details.Causes {
		text := strings.TrimPrefix(cause.Message, "Invalid value: ")
		if cause.Field != "" && cause.Field != "<nil>" {
			text = cause.Field + ": " + text
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// notInstalled tells a resource that does not exist from an object that does not: only the latter has a name, and is
// reported by the API server in its own words.
func notInstalled(err error) bool {
	if meta.IsNoMatchError(err) {
		return true
	}
	var status apierrors.APIStatus
	if !apierrors.IsNotFound(err) || !errors.As(err, &status) {
		return false
	}
	details := status.Status().Details
	return details == nil || details.Name == "" ||
		apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse)
}

// NotInstalled reports whether the API server does not know the resource that was asked for.
func NotInstalled(err error) bool { return err != nil && notInstalled(err) }

// resourceOf is the resource of an object or list, as RBAC names it.
func (c *Client) resourceOf(o runtime.Object) string {
	gvk, err := apiutil.GVKForObject(o, c.Scheme())
	if err != nil {
		return fmt.Sprintf("%T", o)
	}
	gvk.Kind = strings.TrimSuffix(gvk.Kind, "List")
	mapping, err := c.RESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version)
	if err != nil {
		return strings.ToLower(gvk.Kind)
	}
	return mapping.Resource.GroupResource().String()
}
