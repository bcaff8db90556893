// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// RevokedAfter is how long the client of a connection is kept, unused, after its Secret or its CA is gone. It bridges
// the moment between the deletion of a Secret and that of the connection beside it.
const RevokedAfter = time.Minute

// Removing returns the appliance for a deletion, as Appliance does. Where the object may be managed but not deleted,
// the error is a KeptError. If the connection itself is being deleted and its Secret or CA has gone first, as happens
// when a namespace is deleted with everything in it, the client that was built while they were there is used, for no
// longer than Config.KeepFor.
func (p *Pool) Removing(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string, use Use,
) (*pamv1alpha1.SPSConnection, *Appliance, error) {
	use.Deletes = false
	c, a, err := p.Appliance(ctx, ref, namespace, use)
	if c == nil || IsNotPermitted(err) {
		return c, nil, err
	}
	use.Deletes = true
	if err := p.PermitsUse(ctx, c, namespace, use); err != nil {
		return c, nil, keptBack(err)
	}
	if !IsNotReady(err) {
		return c, a, err
	}
	address := CanonicalURL(c.Spec.URL)
	kept, err := survivor(ctx, p, c, spsSources(c), p.appliances, func(a *Appliance) bool { return a.URL == address }, err)
	return c, kept, err
}

// survivor returns what was built for a connection whose Secret or CA has gone, as long as the connection or its
// namespace is going too; usable says whether it is still what the connection means. Otherwise it returns the cause.
func survivor[T any](
	ctx context.Context, p *Pool, c client.Object, sources []source, slots map[types.NamespacedName]*slot[T],
	usable func(T) bool, cause error,
) (value T, err error) {
	if _, missing := p.inputs(ctx, c, sources); !IsNotReady(missing) {
		return value, cause
	}
	end, err := p.ends(ctx, c)
	if err != nil {
		return value, err
	}
	if kept, ok := keptFrom(p, c, slots, end); ok && usable(kept) {
		return kept, nil
	}
	if end.namespace {
		return value, &LostError{NotReadyError{fmt.Sprintf("%v, and its namespace is being deleted", cause)}}
	}
	return value, cause
}

// keptBack makes of a refused deletion what tells it from an object that may not be managed.
func keptBack(err error) error {
	if refused, ok := errors.AsType[*NotPermittedError](err); ok {
		return &KeptError{Message: refused.Message}
	}
	return err
}

// ending is how a connection is going.
type ending struct {
	// connection and namespace say which of the two is being deleted.
	connection, namespace bool
	// overdue says that the connection has been going for longer than its client may be kept.
	overdue bool
}

func (e ending) keeps() bool { return (e.connection || e.namespace) && !e.overdue }

func (p *Pool) ends(ctx context.Context, c client.Object) (ending, error) {
	deleted := c.GetDeletionTimestamp()
	out := ending{connection: deleted != nil}
	out.overdue = out.connection && time.Since(deleted.Time) > p.cfg.KeepFor
	namespace, err := p.Namespace(ctx, c.GetNamespace())
	out.namespace = namespace.Going
	return out, err
}

// keptFrom is what was built for a connection while its Secret was there, if it may be used.
func keptFrom[T any](
	p *Pool, c client.Object, slots map[types.NamespacedName]*slot[T], end ending,
) (value T, ok bool) {
	p.mu.Lock()
	s, ok := slots[client.ObjectKeyFromObject(c)]
	p.mu.Unlock()
	if !ok || !end.keeps() {
		return value, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.built || !strings.HasPrefix(s.inputs, string(c.GetUID())+"/") {
		return value, false
	}
	return s.value, true
}

// outlive drops what was built for a connection whose Secret or CA is gone, unless it may still be needed: for a
// moment, in case the connection goes next, and then while it is going.
func outlive[T any](ctx context.Context, p *Pool, c client.Object, s *slot[T], drop func(T)) {
	end, err := p.ends(ctx, c)
	if err != nil {
		return // the next pass asks again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost.IsZero() {
		s.lost = time.Now()
	}
	if !s.built || end.keeps() || !end.overdue && time.Since(s.lost) < RevokedAfter {
		return
	}
	s.built = false
	drop(s.value)
}
