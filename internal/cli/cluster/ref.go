// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Ref names an object, or all objects of a kind.
type Ref struct {
	Kind kinds.Kind
	// Namespace is empty until the command knows it.
	Namespace string
	// Name is empty for all objects of the kind.
	Name string
}

// String is how people name the object: rdpcp/rdp-demo.
func (r Ref) String() string {
	if r.Name == "" {
		return r.Kind.Resource
	}
	return r.Kind.ShortName + "/" + r.Name
}

// Key is where the object is.
func (r Ref) Key() client.ObjectKey { return client.ObjectKey{Namespace: r.Namespace, Name: r.Name} }

// FullName is what --output=name prints, and what kubectl understands.
func (r Ref) FullName() string {
	return singular(r.Kind) + "." + pamv1alpha1.GroupVersion.Group + "/" + r.Name
}

func singular(kind kinds.Kind) string { return strings.ToLower(kind.Name) }

// RefOf is the reference to an object.
func RefOf(o client.Object) Ref { return Ref{KindOf(o), o.GetNamespace(), o.GetName()} }

// KindOf is the kind of one of our objects.
func KindOf(o client.Object) kinds.Kind {
	for _, kind := range kinds.All() {
		if fmt.Sprintf("%T", kind.New()) == fmt.Sprintf("%T", o) {
			return kind
		}
	}
	return kinds.Kind{}
}

// ParseRefs reads KIND/NAME, KIND NAME... and KIND. A kind has a short name, a singular and a plural, in any case, with
// or without the group.
func ParseRefs(args []string, namespace string) ([]Ref, error) {
	var refs []Ref
	for i, arg := range args {
		kindText, name, slash := strings.Cut(arg, "/")
		if !slash && i > 0 && !strings.Contains(args[0], "/") { // kubectl's other way: KIND NAME NAME
			kindText, name = args[0], arg
			if i == 1 {
				refs = refs[:0]
			}
		}
		kind, err := ParseKind(kindText)
		if err != nil {
			return nil, err
		}
		if slash && name == "" {
			return nil, fmt.Errorf("%q lacks the name of the object; write %s/NAME", arg, kind.ShortName)
		}
		if problems := validation.IsDNS1123Subdomain(name); name != "" && len(problems) > 0 {
			return nil, fmt.Errorf("%q is not the name of an object: %s", name, problems[0])
		}
		if ref := (Ref{kind, namespace, name}); !contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

func contains(refs []Ref, wanted Ref) bool {
	return slices.ContainsFunc(refs, func(r Ref) bool {
		return r.Kind.Name == wanted.Kind.Name && r.Key() == wanted.Key()
	})
}

// ParseKind finds a kind by one of its names.
func ParseKind(text string) (kinds.Kind, error) {
	name := strings.ToLower(text)
	name, _, _ = strings.Cut(name, ".")
	best, distance := "", 4
	for _, kind := range kinds.All() {
		for _, known := range []string{kind.ShortName, singular(kind), kind.Resource} {
			if name == known {
				return kind, nil
			}
			if d := levenshtein.ComputeDistance(name, known); d < distance && d < len(known)/2 {
				best, distance = known, d
			}
		}
	}
	if best != "" {
		return kinds.Kind{}, fmt.Errorf("there is no kind %q; did you mean %s?", text, best)
	}
	return kinds.Kind{}, fmt.Errorf("there is no kind %q; the kinds are %s", text, kindNames())
}

func kindNames() string {
	names := make([]string, 0, len(kinds.All()))
	for _, kind := range kinds.All() {
		names = append(names, fmt.Sprintf("%s (%s)", kind.Resource, kind.ShortName))
	}
	return strings.Join(names, ", ")
}
