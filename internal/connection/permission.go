// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Namespace is what the rules of a connection need to know about a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
	// Unknown says why the labels are unknown; empty if they are known. Unknown labels match no selector, not even one
	// that requires the absence of a label.
	Unknown string
	// Terminating says that the namespace is being deleted, or does not exist.
	Terminating bool
}

// Permits reports whether objects of a namespace may refer to a connection in the namespace home.
func Permits(allowed *pamv1alpha1.AllowedNamespaces, home string, from Namespace) (bool, error) {
	if from.Name == home {
		return true, nil // its owner could create a connection there anyway
	}
	if allowed == nil {
		return false, nil
	}
	switch allowed.From {
	case pamv1alpha1.NamespacesFromAll:
		return true, nil
	case pamv1alpha1.NamespacesFromSelector:
		if from.Unknown != "" {
			return false, notPermitted("the connection allows namespaces by their labels, and those of namespace %s are "+
				"not known: %s", from.Name, from.Unknown)
		}
		return selects(allowed.Selector, from)
	}
	return false, nil
}

func selects(selector *metav1.LabelSelector, namespace Namespace) (bool, error) {
	s, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return false, invalid("a label selector of the connection cannot be used: %v", err)
	}
	return namespace.Unknown == "" && s.Matches(labels.Set(namespace.Labels)), nil
}

// Request is what an ActivitySession requests, as far as grants are concerned.
type Request struct {
	// Activity and Resource are names; empty if the request gives an id instead.
	Activity, Resource string
	// Duration is 0 if the request leaves it to the server.
	Duration time.Duration
	// StartDelay is how far in the future the session begins.
	StartDelay time.Duration
	// Password says that the session's password is requested, AccessPolicy that the request chooses an access policy.
	Password, AccessPolicy bool
	// Keep says that the session is to outlive its object.
	Keep bool
	// Running says that the session already exists, so its duration and start are no longer checked.
	Running bool
}

// Allowing returns the indexes of the grants that allow the request; none if the connection has no grants and the
// request comes from its own namespace. why is empty if the request is allowed.
func Allowing(
	grants []pamv1alpha1.Grant, home string, from Namespace, request Request,
) (allowing []int, why string, err error) {
	if len(grants) == 0 {
		if from.Name == home {
			return nil, "", nil
		}
		return nil, "the connection has no grants, so only its own namespace may ask through it", nil
	}
	why = "no grant is for namespace " + from.Name
	byLabels := func(g pamv1alpha1.Grant) bool { return g.NamespaceSelector != nil }
	if from.Unknown != "" && slices.ContainsFunc(grants, byLabels) {
		why += ", whose labels are not known: " + from.Unknown
	}
	for i := range grants {
		matches, err := grantIsFor(&grants[i], from)
		if err != nil {
			return nil, "", err
		}
		if !matches {
			continue
		}
		refusal := refusalOf(&grants[i], request)
		if refusal == "" {
			allowing = append(allowing, i)
			continue
		}
		why = fmt.Sprintf("grants[%d] %s", i, refusal)
	}
	if len(allowing) > 0 {
		why = ""
	}
	return allowing, why, nil
}

// Covers reports whether a grant is for the namespace, activity and resource of a request, whatever else it allows.
func Covers(grant *pamv1alpha1.Grant, from Namespace, request Request) (bool, error) {
	if !matchesAny(grant.Activities, request.Activity) || !matchesAny(grant.Resources, request.Resource) {
		return false, nil
	}
	return grantIsFor(grant, from)
}

// Longest is the longest duration, extensions included, that the grants allowing a request permit, and the grant that
// says so; 0 if they leave it to the server.
func Longest(grants []pamv1alpha1.Grant, allowing []int) (limit time.Duration, which string) {
	for _, i := range allowing {
		longest := grants[i].MaxDuration
		if longest == nil {
			return 0, ""
		}
		if longest.Duration > limit {
			limit, which = longest.Duration, fmt.Sprintf("grants[%d]", i)
		}
	}
	return limit, which
}

func grantIsFor(grant *pamv1alpha1.Grant, from Namespace) (bool, error) {
	if grant.NamespaceSelector != nil {
		return selects(grant.NamespaceSelector, from)
	}
	return slices.Contains(grant.Namespaces, from.Name), nil
}

// refusalOf says which part of the request a grant does not allow; empty if it allows all of it.
func refusalOf(grant *pamv1alpha1.Grant, request Request) string { //nolint:cyclop // a list of cases
	switch {
	case !matchesAny(grant.Activities, request.Activity):
		return "does not allow the activity " + named(request.Activity) + ": it allows " + list(grant.Activities)
	case !matchesAny(grant.Resources, request.Resource):
		return "does not allow the resource " + named(request.Resource) + ": it allows " + list(grant.Resources)
	case request.AccessPolicy && len(grant.Activities) > 0:
		return "does not allow choosing an access policy: it allows only some activities, and a policy may stand for others"
	case request.Password && (grant.Passwords == nil || !*grant.Passwords):
		return "does not allow connectionSecret.password: it needs passwords: true"
	case request.Keep && (grant.Keep == nil || !*grant.Keep):
		return "does not allow deletionPolicy: Keep: it needs keep: true"
	case request.Running:
		return ""
	case grant.MaxStartDelay != nil && request.StartDelay > grant.MaxStartDelay.Duration:
		return "allows a startTime at most " + grant.MaxStartDelay.Duration.String() + " ahead"
	case grant.MaxDuration != nil && request.Duration == 0:
		return "allows at most " + grant.MaxDuration.Duration.String() + ": set a duration"
	case grant.MaxDuration != nil && request.Duration > grant.MaxDuration.Duration:
		return "allows at most " + grant.MaxDuration.Duration.String() + ", not " + request.Duration.String()
	}
	return ""
}

func named(name string) string {
	if name == "" {
		return "given by id"
	}
	return name
}

func list(patterns []string) string { return strings.Join(patterns, ", ") }

// matchesAny reports whether a name matches one of the patterns, ignoring case. No patterns allow everything, and an
// unknown name matches only then.
func matchesAny(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	if name == "" {
		return false
	}
	// path.Match is for paths: a slash in a name or pattern must not stop a star, and a bracket must be literal.
	plain := strings.NewReplacer("/", "\x00", "[", "\x01", "]", "\x02", `\`, "\x03")
	subject := plain.Replace(strings.ToLower(name))
	for _, pattern := range patterns {
		if ok, err := path.Match(plain.Replace(strings.ToLower(pattern)), subject); ok && err == nil {
			return true
		}
	}
	return false
}

func (p *Pool) permitted(
	ctx context.Context, allowed *pamv1alpha1.AllowedNamespaces, connection types.NamespacedName, namespace string,
) error {
	from, err := p.Namespace(ctx, namespace)
	if err != nil {
		return err
	}
	ok, err := Permits(allowed, connection.Namespace, from)
	if err != nil {
		return err
	}
	if !ok {
		return notPermitted("connection %s does not allow namespace %s: its owner can change allowedNamespaces",
			connection, namespace)
	}
	return nil
}

// PermitsUse returns an error if a connection does not permit a use to a namespace: by allowedNamespaces or by its
// grants. It sends nothing.
func (p *Pool) PermitsUse(ctx context.Context, c *pamv1alpha1.SPSConnection, namespace string, use Use) error {
	key := client.ObjectKeyFromObject(c)
	if err := p.permitted(ctx, c.Spec.AllowedNamespaces, key, namespace); err != nil {
		return err
	}
	from, err := p.Namespace(ctx, namespace)
	if err != nil {
		return err
	}
	ok, why, err := GrantsUse(c.Spec.Grants, c.Namespace, from, use)
	if err != nil || ok {
		return err
	}
	return notPermitted("connection %s does not permit this: %s; its owner can change grants", key, why)
}

// Namespace reads what the rules of a connection need to know.
func (p *Pool) Namespace(ctx context.Context, name string) (Namespace, error) {
	return p.cfg.Namespaces.Namespace(ctx, name)
}
