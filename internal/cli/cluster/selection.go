// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/kinds"
)

// selection is what one list and one watch get.
type selection struct {
	kind      kinds.Kind
	namespace string
	// names are the wanted objects; empty for all.
	names map[string]bool
}

// selectionsOf puts the references of one kind and namespace together: a watch for each of 500 objects would be 500
// connections.
func selectionsOf(refs []Ref) []selection {
	type place struct{ kind, namespace string }
	var out []selection
	at := map[place]int{}
	for _, ref := range refs {
		where := place{ref.Kind.Name, ref.Namespace}
		i, known := at[where]
		switch {
		case !known:
			at[where] = len(out)
			names := map[string]bool{}
			if ref.Name != "" {
				names[ref.Name] = true
			}
			out = append(out, selection{ref.Kind, ref.Namespace, names})
		case ref.Name == "" || len(out[i].names) == 0: // all of them
			out[i].names = nil
		default:
			out[i].names[ref.Name] = true
		}
	}
	return out
}

// options select on the server. A single name is selected by field, so that a right to this one object is enough.
func (s selection) options() []client.ListOption {
	options := []client.ListOption{client.InNamespace(s.namespace)}
	if len(s.names) == 1 {
		for name := range s.names {
			options = append(options,
				client.MatchingFieldsSelector{Selector: fields.OneTermEqualSelector("metadata.name", name)})
		}
	}
	return options
}

func (s selection) has(id ID) bool {
	return id.Kind == s.kind.Name && (s.namespace == "" || id.Namespace == s.namespace) &&
		(len(s.names) == 0 || s.names[id.Name])
}

func metav1ListOptions(resourceVersion string) *metav1.ListOptions {
	return &metav1.ListOptions{ResourceVersion: resourceVersion, AllowWatchBookmarks: true}
}

// itemsOf are the objects of a list.
func itemsOf(list client.ObjectList) ([]kinds.Object, error) {
	var out []kinds.Object
	err := meta.EachListItem(list, func(o runtime.Object) error {
		ours, is := o.(kinds.Object)
		if !is {
			return fmt.Errorf("%T is not one of our kinds", o)
		}
		out = append(out, ours)
		return nil
	})
	return out, err
}

// Find returns the object of a reference.
func (s Snapshot) Find(ref Ref) (o kinds.Object, found bool) {
	o, found = s[ID{ref.Kind.Name, types.NamespacedName{Namespace: ref.Namespace, Name: ref.Name}}]
	return o, found
}

// Objects are all of them, in no order.
func (s Snapshot) Objects() []kinds.Object {
	out := make([]kinds.Object, 0, len(s))
	for _, o := range s {
		out = append(out, o)
	}
	return out
}
