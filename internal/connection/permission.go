// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Namespace is what the rules of a connection look at in a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
	// Unknown says why the labels are not known; empty if they are. No selector matches labels that are not known, not
	// even one that asks for the absence of a label.
	Unknown string
	// Going says that the namespace is being deleted, or gone.
	Going bool
}

// Permits says whether objects of a namespace may refer to a connection of the namespace home.
func Permits(allowed *pamv1alpha1.AllowedNamespaces, home string, from Namespace) (bool, error) {
	if from.Name == home {
		return true, nil // the owner of a namespace can create a connection there just as well
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

// Request is what an ActivitySession asks for, as far as grants look at it.
type Request struct {
	// Activity and Resource are names; empty when the request gives an id instead.
	Activity, Resource string
	// Duration is 0 when the request leaves it to the server.
	Duration time.Duration
	// StartDelay is how far in the future the session is to begin.
	StartDelay time.Duration
	// Password says that the session's password is asked for, AccessPolicy that the request chooses an access policy.
	Password, AccessPolicy bool
	// Running says that the session is there already: its duration and its start are not asked for any more.
	Running bool
}

// Grants says whether the grants of a connection of the namespace home allow the request, and if not, why: the reason
// names the rule that came closest.
func Grants(grants []pamv1alpha1.Grant, home string, from Namespace, request Request) (ok bool, why string, err error) {
	_, why, err = Allowing(grants, home, from, request)
	return why == "" && err == nil, why, err
}

// Allowing returns the indexes of the grants that allow the request; none where the connection has no grants and the
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

// Covers says that a grant is about the sessions of a request, whatever else it allows of it.
func Covers(grant *pamv1alpha1.Grant, from Namespace, request Request) (bool, error) {
	if !globs(grant.Activities, request.Activity) || !globs(grant.Resources, request.Resource) {
		return false, nil
	}
	return grantIsFor(grant, from)
}

// Longest is how long the grants that allow a request let its session last, extensions included, and which grant says
// so; 0 where they leave that to the server.
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

// refusalOf says what of the request a grant does not allow; empty if it allows all of it.
func refusalOf(grant *pamv1alpha1.Grant, request Request) string {
	switch {
	case !globs(grant.Activities, request.Activity):
		return "does not allow the activity " + named(request.Activity) + ": it allows " + list(grant.Activities)
	case !globs(grant.Resources, request.Resource):
		return "does not allow the resource " + named(request.Resource) + ": it allows " + list(grant.Resources)
	case request.AccessPolicy && len(grant.Activities) > 0:
		return "does not allow to choose an access policy: it allows only some activities, and a policy may stand for others"
	case request.Password && (grant.Passwords == nil || !*grant.Passwords):
		return "does not allow connectionSecret.password: it needs passwords: true"
	case request.Running:
		return ""
	case grant.MaxStartDelay != nil && request.StartDelay > grant.MaxStartDelay.Duration:
		return "allows a startTime at most " + grant.MaxStartDelay.Duration.String() + " ahead"
	case grant.MaxDuration != nil && request.Duration == 0:
		return "allows at most " + grant.MaxDuration.Duration.String() + ": say a duration"
	case grant.MaxDuration != nil && request.Duration > grant.MaxDuration.Duration:
		return "allows at most " + grant.MaxDuration.Duration.String() + ", not " + request.Duration.String()
	}
	return ""
}

func named(name string) string {
	if name == "" {
		return "that is given by id"
	}
	return name
}

func list(patterns []string) string { return strings.Join(patterns, ", ") }

// globs says whether a name matches one of the patterns, without regard to case. No patterns allow everything, and a
// name that is not known matches only then.
func globs(patterns []string, name string) bool {
	if len(patterns) == 0 {
		return true
	}
	if name == "" {
		return false
	}
	// path.Match is about paths: a slash in a name or pattern must not stop a star, and a bracket must mean itself.
	plain := strings.NewReplacer("/", "\x00", "[", "\x01", "]", "\x02", `\`, "\x03")
	subject := plain.Replace(strings.ToLower(name))
	for _, pattern := range patterns {
		if ok, err := path.Match(plain.Replace(strings.ToLower(pattern)), subject); ok && err == nil {
			return true
		}
	}
	return false
}
