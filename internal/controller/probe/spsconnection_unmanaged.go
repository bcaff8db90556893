// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// unmanaged counts what the appliances have that no object of the cluster names. It counts again only when the
// collection, the objects or the accounts have changed, and it reads nothing from the appliance.
type unmanaged struct {
	claims *loop.Claims

	mu    sync.Mutex
	known map[types.NamespacedName]map[string]unmanagedCount
}

// unmanagedCount is a count, and what it was made of.
type unmanagedCount struct {
	listing, claims uint64
	ways            string
	count           int32
}

// forget drops what is known of a connection that is gone.
func (u *unmanaged) forget(name types.NamespacedName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.known, name)
}

// status returns the counts for the status of a connection. A collection that is not in the inventory now keeps the
// count that the status has, unless the spec has changed and may lead to another appliance.
func (u *unmanaged) status(
	conn *pamv1alpha1.SPSConnection, inventory *appliance.Inventory, addresses []string,
	accounts connection.Accounts,
) []pamv1alpha1.ObjectCount {
	if !u.claims.Complete() {
		return conn.Status.Unmanaged
	}
	var out []pamv1alpha1.ObjectCount
	for _, kind := range kinds.Policies() {
		name := pamv1alpha1.PolicyKind(kind.Name)
		if listing := inventory.Cached(kind.Collection); listing != nil {
			count := u.count(client.ObjectKeyFromObject(conn), kind, listing, addresses, accounts)
			out = append(out, pamv1alpha1.ObjectCount{Kind: name, Count: &count})
			continue
		}
		if observed := conn.Status.ObservedGeneration; observed == nil || *observed != conn.Generation {
			continue
		}
		for _, was := range conn.Status.Unmanaged {
			if was.Kind == name {
				out = append(out, was)
			}
		}
	}
	return out
}

func (u *unmanaged) count(
	of types.NamespacedName, kind kinds.Kind, listing *appliance.Listing, addresses []string,
	accounts connection.Accounts,
) int32 {
	now := unmanagedCount{listing: listing.Version(), claims: u.claims.Version(), ways: fingerprint(addresses, accounts)}
	u.mu.Lock()
	defer u.mu.Unlock()
	was := u.known[of][kind.Name]
	if now.count = was.count; now == was {
		return was.count
	}
	now.count = 0
	for record := range listing.All() {
		if !sps.IsBuiltIn(kind.Collection, record.Name) && !u.claims.Claimed(kind, addresses, record) &&
			(kind.Collection != sps.Users || !accounts.Has(record.Name)) {
			now.count++
		}
	}
	if u.known == nil {
		u.known = map[types.NamespacedName]map[string]unmanagedCount{}
	}
	if u.known[of] == nil {
		u.known[of] = map[string]unmanagedCount{}
	}
	u.known[of][kind.Name] = now
	return now.count
}

// fingerprint is a text that changes with the addresses of an appliance and the accounts on it.
func fingerprint(addresses []string, accounts connection.Accounts) string {
	texts := slices.Concat(addresses, accounts)
	slices.Sort(texts)
	return strings.Join(texts, "\x00")
}

// showUnmanaged puts the counts into the status.
func (r spsConnections) showUnmanaged(
	ctx context.Context, conn *pamv1alpha1.SPSConnection, on *appliance.Appliance,
) error {
	addresses, err := r.Pool.Addresses(ctx, on.URL)
	if err != nil {
		return err
	}
	accounts, err := r.Pool.Accounts(ctx, on.URL)
	if err != nil {
		return err
	}
	conn.Status.Unmanaged = r.unmanaged.status(conn, on.Inventory, addresses, accounts)
	return nil
}
