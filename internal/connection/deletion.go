// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
)

// RevokedAfter is how long the client of a connection is kept, unused, after its Secret or CA is gone. It bridges the
// moment between the deletion of a Secret and that of the connection beside it.
const RevokedAfter = time.Minute

// ApplianceForDeletion returns the appliance for a deletion, as Appliance does. If the object may be managed but not
// deleted, the error is a DeletionNotPermittedError. If the connection itself is being deleted and its Secret or CA has
// gone first, as happens when a namespace is deleted with everything in it, it returns the client that was built while
// they existed, for no longer than Config.RetainFor.
func (p *Pool) ApplianceForDeletion(
	ctx context.Context, ref pamv1alpha1.ConnectionReference, namespace string, use Use,
) (*pamv1alpha1.SPSConnection, *appliance.Appliance, error) {
	use.Deletes = false
	c, a, err := p.Appliance(ctx, ref, namespace, use)
	if c == nil || IsNotPermitted(err) {
		return c, nil, err
	}
	use.Deletes = true
	if err := p.PermitsUse(ctx, c, namespace, use); err != nil {
		return c, nil, asDeletionNotPermitted(err)
	}
	if !IsNotReady(err) {
		return c, a, err
	}
	address := CanonicalURL(c.Spec.URL)
	leadsThere := func(a *appliance.Appliance) bool { return a.URL == address }
	a, err = cachedDuringDeletion(ctx, p, c, spsSources(c), p.cachedAppliance(c), leadsThere, err)
	return c, a, err
}

// cachedDuringDeletion returns the client that was built for a connection whose Secret or CA has gone, while the
// connection or its namespace is being deleted; usable reports whether the client still fits the connection. Otherwise
// it returns the cause.
func cachedDuringDeletion[T any](
	ctx context.Context, p *Pool, c client.Object, sources []source, s *cached[T],
	usable func(T) bool, cause error,
) (value T, err error) {
	if _, missing := p.inputs(ctx, c, sources); !IsNotReady(missing) {
		return value, cause
	}
	state, err := p.deletionState(ctx, c)
	if err != nil {
		return value, err
	}
	if state.retainsClient() {
		if built, ok := s.builtFor(c.GetUID()); ok && usable(built) {
			return built, nil
		}
	}
	if state.namespace {
		return value, &LostError{NotReadyError{fmt.Sprintf("%v, and its namespace is being deleted", cause)}}
	}
	return value, cause
}

// asDeletionNotPermitted distinguishes a refused deletion from an object that may not be managed at all.
func asDeletionNotPermitted(err error) error {
	if refused, ok := errors.AsType[*NotPermittedError](err); ok {
		return &DeletionNotPermittedError{Message: refused.Message}
	}
	return err
}

// deletionState is how far the deletion of a connection has come.
type deletionState struct {
	// connection and namespace say which of the two is being deleted.
	connection, namespace bool
	// overdue says that the deletion has lasted longer than the client may be retained.
	overdue bool
}

// retainsClient reports whether the client may be used without its Secret.
func (s deletionState) retainsClient() bool { return (s.connection || s.namespace) && !s.overdue }

func (p *Pool) deletionState(ctx context.Context, c client.Object) (deletionState, error) {
	deleted := c.GetDeletionTimestamp()
	out := deletionState{connection: deleted != nil}
	out.overdue = out.connection && time.Since(deleted.Time) > p.cfg.RetainFor
	namespace, err := p.Namespace(ctx, c.GetNamespace())
	out.namespace = namespace.Terminating
	return out, err
}

// retireIfLost retires the client of a connection whose Secret or CA is gone, unless it may still be needed: for a
// moment, in case the connection is deleted next, and then while that deletion lasts.
func retireIfLost[T any](ctx context.Context, p *Pool, c client.Object, s *cached[T], retire func(T)) {
	state, err := p.deletionState(ctx, c)
	if err != nil {
		return // the next reconcile tries again
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost.IsZero() {
		s.lost = time.Now()
	}
	if !s.built || state.retainsClient() || !state.overdue && time.Since(s.lost) < RevokedAfter {
		return
	}
	s.built = false
	s.shown.Store(nil)
	retire(s.value)
}
