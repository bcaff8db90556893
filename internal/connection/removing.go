// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

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
	if _, missing := p.inputs(ctx, c, spsSources(c)); !IsNotReady(missing) {
		return c, nil, err
	}
	end, lookErr := p.ends(ctx, c)
	if lookErr != nil {
		return c, nil, lookErr
	}
	if kept := p.kept(c, end); kept != nil {
		return c, kept, nil
	}
	if end.namespace {
		return c, nil, &LostError{NotReadyError{fmt.Sprintf("%v, and its namespace is being deleted", err)}}
	}
	return c, nil, err
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

func (p *Pool) ends(ctx context.Context, c *pamv1alpha1.SPSConnection) (ending, error) {
	out := ending{connection: !c.DeletionTimestamp.IsZero()}
	out.overdue = out.connection && time.Since(c.DeletionTimestamp.Time) > p.cfg.KeepFor
	namespace, err := p.Namespace(ctx, c.Namespace)
	out.namespace = namespace.Going
	return out, err
}

// kept is the client that was built for a connection while its Secret was there; nil if there is none to be used.
func (p *Pool) kept(c *pamv1alpha1.SPSConnection, end ending) *Appliance {
	p.mu.Lock()
	s, ok := p.appliances[client.ObjectKeyFromObject(c)]
	p.mu.Unlock()
	if !ok || !end.keeps() {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	same := strings.HasPrefix(s.inputs, string(c.UID)+"/")
	if !s.built || !same || s.value.URL != CanonicalURL(c.Spec.URL) {
		return nil
	}
	return s.value
}

// outlive drops the client of a connection whose Secret or CA is gone, unless it may still be needed: for a moment, in
// case the connection goes next, and then while it is going.
func (p *Pool) outlive(ctx context.Context, c *pamv1alpha1.SPSConnection, s *slot[*Appliance]) {
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
	p.retire(ctx, s.value)
}
