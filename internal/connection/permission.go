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
}

// Grants says whether the grants of a connection of the namespace home allow the request, and if not, why: the reason
// names the rule that came closest.
func Grants(grants []pamv1alpha1.Grant, home string, from Namespace, request Request) (ok bool, why string, err error) {
	if len(grants) == 0 {
		if from.Name == home {
			return true, "", nil
		}
		return false, "the connection has no grants, so only its own namespace may ask through it", nil
	}
	why = "no grant is for namespace " + from.Name
	byLabels := func(g pamv1alpha1.Grant) bool { return g.NamespaceSelector != nil }
	if from.Unknown != "" && slices.ContainsFunc(grants, byLabels) {
		why += ", whose labels are not known: " + from.Unknown
	}
	for i := range grants {
		matches, err := grantIsFor(&grants[i], from)
		if err != nil {
			return false, "", err
		}
		if !matches {
			continue
		}
		refusal := refusalOf(&grants[i], request)
		if refusal == "" {
			return true, "", nil
		}
		why = fmt.Sprintf("grants[%d] %s", i, refusal)
	}
	return false, why, nil
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
