// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"unicode/utf8"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// reference is a field of a spec that names an object of the appliance.
type reference struct {
	// field is the path of the field, without "spec.".
	field string
	// collections are where the object may be; the first one that the appliance has is used.
	collections []sps.Collection
	name, key   string
	// rename makes the field refer to the same object by its name instead of its key.
	rename func(name string)
}

// to makes a reference of a field.
func to(field string, ref *pamv1alpha1.ApplianceReference, collections ...sps.Collection) reference {
	return reference{
		field: field, name: ref.Name, key: ref.Key, collections: collections,
		rename: func(name string) { *ref = pamv1alpha1.ApplianceReference{Name: name} },
	}
}

// toOptional makes a reference of a field that may say "none".
func toOptional(field string, ref *pamv1alpha1.OptionalApplianceReference, collections ...sps.Collection) reference {
	return reference{
		field: field, name: ref.Name, key: ref.Key, collections: collections,
		rename: func(name string) { *ref = pamv1alpha1.OptionalApplianceReference{Name: name} },
	}
}

// resolve finds the keys of references, by field. A reference without name and key means "none" and is left out.
func resolve(ctx context.Context, view appliance.View, references []reference) (map[string]string, error) {
	keys := make(map[string]string, len(references))
	for _, r := range references {
		switch {
		case r.key != "":
			keys[r.field] = r.key
		case r.name != "":
			key, err := r.resolve(ctx, view)
			if err != nil {
				return nil, err
			}
			keys[r.field] = key
		}
	}
	return keys, nil
}

// withNames shows a difference of a reference by the names of the two objects, if they have names: keys mean nothing to
// people. It reads nothing, because resolve has read the collections.
func withNames(ctx context.Context, view appliance.View, references []reference, d sps.Difference) sps.Difference {
	i := slices.IndexFunc(references, func(r reference) bool { return r.field == d.Path })
	if i < 0 || references[i].name == "" {
		return d
	}
	for _, value := range []*string{&d.Desired, &d.Actual} {
		var key string
		if json.Unmarshal([]byte(*value), &key) != nil {
			continue // null, or not a key
		}
		for _, collection := range references[i].collections {
			if o, at, err := appliance.ByKey(ctx, view, collection, key); err == nil && at >= 0 && o.Name != "" {
				*value = strconv.Quote(o.Name)
				break
			}
		}
	}
	return d
}

func (r reference) resolve(ctx context.Context, view appliance.View) (string, error) {
	var err error
	for _, collection := range r.collections {
		var found sps.Record
		found, at, findErr := appliance.ByName(ctx, view, collection, r.name)
		if rest.IsNotFound(findErr) { // the appliance's version does not have this collection
			err = findErr
			continue
		}
		if rest.IsRejected(findErr) {
			return "", loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
				"spec.%s: the appliance does not list %s, so %q cannot be found by its name: give the key instead",
				r.field, collection, r.name)
		}
		if findErr != nil {
			return "", findErr
		}
		if at >= 0 {
			return found.Key, nil
		}
		return "", r.notFound(ctx, view, collection)
	}
	if err != nil {
		return "", loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.%s: the appliance has no collection %s, so %q cannot be found there", r.field, r.collections[0], r.name)
	}
	return "", fmt.Errorf("spec.%s: no collection to look in", r.field)
}

// nameOf is the name of what a key leads to, if resolve finds it by that name; else "".
func (r reference) nameOf(ctx context.Context, view appliance.View) (string, error) {
	for _, collection := range r.collections {
		listing, err := view.List(ctx, collection)
		switch {
		case rest.IsNotFound(err): // the appliance's version does not have this collection
			continue
		case rest.IsRejected(err), rest.IsForbidden(err): // nothing there can be found by its name
			return "", nil
		case err != nil:
			return "", err
		}
		name := listing.UniqueName(r.key)
		if utf8.RuneCountInString(name) > maxReferenceName {
			return "", nil
		}
		return name, nil
	}
	return "", nil
}

// maxReferenceName is the longest name in a reference, in characters.
const maxReferenceName = 253

func (r reference) notFound(ctx context.Context, view appliance.View, collection sps.Collection) error {
	listing, err := view.List(ctx, collection)
	if err != nil {
		return err
	}
	if isDiscreet(ctx) {
		return loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.%s: the appliance has no %q in %s", r.field, r.name, collection)
	}
	near, err := loop.Nearest(ctx, r.name, namesOf(listing.Records()))
	if err != nil {
		return err
	}
	name, hint := loop.Suggestion(r.name, near)
	if len(near) == 0 && listing.Len() > 0 {
		hint = "; the appliance shows no names there, so give the key instead"
	}
	return loop.MustAct(pamv1alpha1.ReasonReferenceNotFound,
		"spec.%s: the appliance has no %s in %s%s", r.field, name, collection, hint)
}

func namesOf(records []sps.Record) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, r := range records {
			if !yield(r.Name) {
				return
			}
		}
	}
}

// discreetly is the key of a context in which no names of the appliance are suggested.
type discreetly struct{}

// discreet returns a context in which messages to the author of an object suggest no names, if the object is in another
// namespace than its connection: its author is not to see what else the appliance has.
func discreet(ctx context.Context, obj kinds.PolicyObject) context.Context {
	if connection.Target(obj.Connection(), obj.GetNamespace()).Namespace == obj.GetNamespace() {
		return ctx
	}
	return context.WithValue(ctx, discreetly{}, true)
}

func isDiscreet(ctx context.Context) bool { return ctx.Value(discreetly{}) != nil }

// nearby is a name that was not found, as a message shows it, followed by the names that are most like it.
func nearby(ctx context.Context, wanted string, names iter.Seq[string]) (string, error) {
	if isDiscreet(ctx) {
		return strconv.Quote(wanted), nil
	}
	near, err := loop.Nearest(ctx, wanted, names)
	if err != nil {
		return "", err
	}
	name, hint := loop.Suggestion(wanted, near)
	return name + hint, nil
}

// onAppliance fails unless the object of ours that a spec refers to is on the appliance of the spec.
func onAppliance(field, kind string, obj kinds.PolicyObject, url string) error {
	status, name := obj.PolicyStatus(), client.ObjectKeyFromObject(obj)
	switch {
	case status.Key == "":
		return loop.MustWait("spec.%s: waiting for %s %s to be on the appliance", field, kind, name)
	case status.Appliance != url:
		return loop.MustAct(pamv1alpha1.ReasonInvalidSpec,
			"spec.%s: %s %s is on another appliance, %s: refer to one that goes through the same connection",
			field, kind, name, status.Appliance)
	}
	return nil
}
