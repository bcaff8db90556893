// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// inventory is what a snapshot needs of the inventory of an appliance.
type inventory interface {
	appliance.View
	Configuration() (hash string, edition int)
}

// snapshot is a view of one configuration: it reads each collection once, also one that the appliance does not list,
// and nothing any more once it is sealed.
type snapshot struct {
	inventory inventory
	edition   int
	sealed    bool
	listings  map[sps.Collection]reading
}

type reading struct {
	listing *appliance.Listing
	err     error
}

func newSnapshot(of inventory) *snapshot {
	_, edition := of.Configuration()
	return &snapshot{inventory: of, edition: edition, listings: map[sps.Collection]reading{}}
}

// List returns a collection.
func (s *snapshot) List(ctx context.Context, collection sps.Collection) (*appliance.Listing, error) {
	if known, ok := s.listings[collection]; ok {
		return known.listing, known.err
	}
	if s.sealed {
		return nil, loop.Impossible("%s was not read before the export was written", collection)
	}
	listing, err := s.inventory.List(ctx, collection)
	if err != nil && !rest.IsNotFound(err) && !rest.IsRejected(err) && !rest.IsForbidden(err) {
		return nil, err
	}
	s.listings[collection] = reading{listing, err}
	return listing, err
}

// seal ends the reading. It returns the configuration that the snapshot shows, and false if its collections may belong
// to several ones.
func (s *snapshot) seal() (hash string, same bool) {
	s.sealed = true
	hash, edition := s.inventory.Configuration()
	return appliance.HashOf(hash), edition == s.edition
}
