// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/agnivade/levenshtein"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// reference is one place of a spec that names an object of the appliance.
type reference struct {
	// field is the place, without "spec.".
	field string
	// collections are where the object may be; the first one that the appliance has counts.
	collections []sps.Collection
	name, key   string
}

// to makes a reference.
func to(field string, ref pamv1alpha1.ApplianceReference, collections ...sps.Collection) reference {
	return reference{field: field, name: ref.Name, key: ref.Key, collections: collections}
}

// resolve finds the keys of references, by field. A reference without name and key says "none" and is left out.
func resolve(ctx context.Context, view connection.View, references []reference) (map[string]string, error) {
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

// withNames shows a difference between two objects that a spec can refer to by their names, where they have any: keys
// say nothing to people. The collections have been read for the reference itself.
func withNames(ctx context.Context, view connection.View, references []reference, d sps.Difference) sps.Difference {
	i := slices.IndexFunc(references, func(r reference) bool { return r.field == d.Path })
	if i < 0 || references[i].name == "" {
		return d
	}
	for _, value := range []*string{&d.Desired, &d.Actual} {
		var key string
		if json.Unmarshal([]byte(*value), &key) != nil {
			continue // none, or no reference
		}
		for _, collection := range references[i].collections {
			if o, at, err := connection.ByKey(ctx, view, collection, key); err == nil && at >= 0 && o.Name() != "" {
				*value = strconv.Quote(o.Name())
				break
			}
		}
	}
	return d
}

func (r reference) resolve(ctx context.Context, view connection.View) (string, error) {
	var err error
	for _, collection := range r.collections {
		var found sps.Object
		found, at, findErr := connection.ByName(ctx, view, collection, r.name)
		if rest.IsNotFound(findErr) { // the appliance's version does not have this collection
			err = findErr
			continue
		}
		if rest.IsRejected(findErr) {
			return "", mustAct(pamv1alpha1.ReasonReferenceNotFound,
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
		return "", mustAct(pamv1alpha1.ReasonReferenceNotFound,
			"spec.%s: the appliance has no collection %s, so %q cannot be found there", r.field, r.collections[0], r.name)
	}
	return "", fmt.Errorf("spec.%s: no collection to look in", r.field)
}

func (r reference) notFound(ctx context.Context, view connection.View, collection sps.Collection) error {
	listing, err := view.List(ctx, collection)
	if err != nil {
		return err
	}
	near, err := nearest(ctx, r.name, namesOf(listing.Records()))
	if err != nil {
		return err
	}
	name, hint := suggestion(r.name, near)
	if len(near) == 0 && listing.Len() > 0 {
		hint = "; the appliance shows no names there, so give the key instead"
	}
	return mustAct(pamv1alpha1.ReasonReferenceNotFound,
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

const (
	// maxNearest is how many names a message suggests.
	maxNearest = 3
	// maxCandidates is how many names are compared with the wanted one, and maxCompared how much of each, in bytes: a
	// suggestion is a courtesy, and comparing takes long.
	maxCandidates = 1000
	maxCompared   = 64
)

// candidate is a name, and how far it is from the wanted one.
type candidate struct {
	name     string
	distance int
}

// nearest returns the names that are most like the wanted one, of the first ones that there are.
func nearest(ctx context.Context, wanted string, names iter.Seq[string]) ([]string, error) {
	wanted = strings.ToLower(shorten(wanted, maxCompared))
	var found []candidate
	seen := 0
	for name := range names {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if name = shorten(name, maxCompared); name == "" {
			continue
		}
		if seen++; seen > maxCandidates {
			break
		}
		found = append(found, candidate{name, levenshtein.ComputeDistance(wanted, strings.ToLower(name))})
		slices.SortFunc(found, func(a, b candidate) int {
			return cmp.Or(cmp.Compare(a.distance, b.distance), strings.Compare(a.name, b.name))
		})
		found = found[:min(len(found), maxNearest)]
	}
	out := make([]string, 0, len(found))
	for _, c := range found {
		out = append(out, c.name)
	}
	return out, nil
}

// onAppliance fails while the object of ours that a spec refers to is not on the appliance that the spec is about.
func onAppliance(field, kind string, obj policyObject, url string) error {
	status, name := obj.PolicyStatus(), client.ObjectKeyFromObject(obj)
	switch {
	case status.Key == "":
		return mustWait("spec.%s: waiting for %s %s to be on the appliance", field, kind, name)
	case status.Appliance != url:
		return mustAct(pamv1alpha1.ReasonInvalidSpec,
			"spec.%s: %s %s is on another appliance, %s: refer to one that goes through the same connection",
			field, kind, name, status.Appliance)
	}
	return nil
}
