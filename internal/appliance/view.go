// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"context"
	"fmt"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// View reads collections: an inventory, or a transaction.
type View interface {
	List(ctx context.Context, collection sps.Collection) (*Listing, error)
}

// maxKeysShown bounds the text of an AmbiguousError.
const maxKeysShown = 5

// AmbiguousError means that a name exists more than once; nothing is done then (docs/vendors/sps.md Q10).
type AmbiguousError struct {
	Collection sps.Collection
	Name       string
	Keys       []string
}

// Error names the keys, so that one of them can be used in the spec.
func (e *AmbiguousError) Error() string {
	shown, more := e.Keys, ""
	if len(shown) > maxKeysShown {
		shown, more = shown[:maxKeysShown], " and others"
	}
	return fmt.Sprintf("the name %q exists %d times in %s (keys %v%s): rename all but one on the appliance",
		e.Name, len(e.Keys), e.Collection, shown, more)
}

// ByKey returns the object with a key, and its position in the collection, -1 if there is none.
func ByKey(ctx context.Context, v View, collection sps.Collection, key string) (r sps.Record, at int, err error) {
	listing, err := v.List(ctx, collection)
	if err != nil {
		return sps.Record{}, -1, err
	}
	r, at = listing.byKey(key)
	return r, at, nil
}

// ByName returns the object with a name, and its position in the collection, -1 if there is none. If the name exists
// more than once, the error is an AmbiguousError.
func ByName(ctx context.Context, v View, collection sps.Collection, name string) (r sps.Record, at int, err error) {
	listing, err := v.List(ctx, collection)
	if err != nil {
		return sps.Record{}, -1, err
	}
	positions := listing.byName(name)
	switch len(positions) {
	case 0:
		return sps.Record{}, -1, nil
	case 1:
		return listing.records[positions[0]], positions[0], nil
	}
	return sps.Record{}, -1, &AmbiguousError{Collection: collection, Name: name, Keys: listing.Named(name)}
}
