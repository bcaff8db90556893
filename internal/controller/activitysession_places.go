// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

// places keeps the limit of live sessions of a connection although many requests are sent at the same time: a place is
// taken before the request is sent, and counts until the status of the session speaks for itself.
type places struct {
	client client.Reader

	mu sync.Mutex
	// taken are the sessions that have a place.
	taken map[types.UID]bool
	// none are the requests that came to nothing: most likely there is no session of them.
	none map[types.UID]*refusal
}

func newPlaces(c client.Reader) *places {
	return &places{client: c, taken: map[types.UID]bool{}, none: map[types.UID]*refusal{}}
}

// take takes a place for a session if fewer others than are allowed live, or are being asked for: through the
// connection, and by one of the grants that allow the request. why says what is full; empty if there was a place.
func (p *places) take(
	ctx context.Context, s *pamv1alpha1.ActivitySession, may permission, namespaceOf namespaceReader,
) (why string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := client.ObjectKeyFromObject(may.conn)
	sessions, err := sessionsOf(ctx, p.client, name) // read under the lock, so that it shows whoever was here before
	if err != nil {
		return "", err
	}
	others := p.living(s, sessions)
	limit := int(connection.ActiveSessionLimit(may.conn))
	if len(others) >= limit {
		delete(p.taken, s.UID)
		return fmt.Sprintf("%d of at most %d sessions live through connection %s", len(others), limit, name), nil
	}
	if why, err := roomByGrant(ctx, may, others, namespaceOf); err != nil || why != "" {
		delete(p.taken, s.UID)
		return why, err
	}
	p.taken[s.UID] = true
	delete(p.none, s.UID)
	return "", nil
}

// living are the other sessions that have a place: those that live, and those that may, because a request was sent that
// has no answer yet. That is in their status, so it holds after a restart as well.
func (p *places) living(
	s *pamv1alpha1.ActivitySession, sessions []pamv1alpha1.ActivitySession,
) (living []*pamv1alpha1.ActivitySession) {
	for i := range sessions {
		other := &sessions[i]
		switch {
		case other.UID == s.UID:
		case other.Status.Phase.Terminal():
			delete(p.taken, other.UID)
		case p.taken[other.UID], lives(other), awaitsAnswer(other) && (p.none[other.UID] == nil || p.none[other.UID].open):
			living = append(living, other)
		}
	}
	return living
}

// namespaceReader reads what grants look at in a namespace.
type namespaceReader func(ctx context.Context, name string) (connection.Namespace, error)

// roomByGrant says which grant is full, if none of those that allow a request has room for one more session.
func roomByGrant(
	ctx context.Context, may permission, living []*pamv1alpha1.ActivitySession, namespaceOf namespaceReader,
) (full string, err error) {
	for _, i := range may.grants {
		grant := &may.conn.Spec.Grants[i]
		if grant.MaxSessions == nil {
			return "", nil
		}
		covered := 0
		for _, other := range living {
			from, err := namespaceOf(ctx, other.Namespace)
			if err != nil {
				return "", err
			}
			ok, err := connection.Covers(grant, from, grantRequest(other))
			if err != nil {
				return "", err
			}
			if ok {
				covered++
			}
		}
		if covered < int(*grant.MaxSessions) {
			return "", nil
		}
		full = fmt.Sprintf("%d of at most %d sessions live that grants[%d] of connection %s covers",
			covered, *grant.MaxSessions, i, client.ObjectKeyFromObject(may.conn))
	}
	return full, nil
}

// give forgets a session.
func (p *places) give(uid types.UID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, uid)
	delete(p.none, uid)
}

// refused gives a place back, because the request came to nothing; if that is open, when it was looked for.
func (p *places) refused(uid types.UID, what *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.taken, uid)
	p.none[uid] = what
}

// refusal is what is known of the request that was sent last, if it came to nothing; nil otherwise.
func (p *places) refusal(uid types.UID) *refusal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.none[uid]
}

// isUnsent says that the request that was made last never got to the server.
func (p *places) isUnsent(uid types.UID) bool {
	what := p.refusal(uid)
	return what != nil && what.unsent
}

// sessionsOf are the sessions of a connection, which are only to be read: with thousands of them, copies for each
// request would cost more than everything else that is done for it.
func sessionsOf(
	ctx context.Context, c client.Reader, conn types.NamespacedName,
) ([]pamv1alpha1.ActivitySession, error) {
	var list pamv1alpha1.ActivitySessionList
	err := c.List(ctx, &list, client.MatchingFields{indexConnection: conn.String()}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// lives says that a session is known to be at the server, and not to be over. The status of an object that was let go
// stays as it was, although its session is over.
func lives(s *pamv1alpha1.ActivitySession) bool {
	return s.Status.SessionID != "" && !s.Status.Phase.Terminal() && !isLetGo(s)
}

// awaitsAnswer says that a request was sent, and that it is not known what came of it.
func awaitsAnswer(s *pamv1alpha1.ActivitySession) bool {
	return requestID(s) != "" && s.Status.SessionID == "" && !s.Status.Phase.Terminal()
}

// liveSessions counts the sessions that were asked for through a connection and are not over.
func liveSessions(ctx context.Context, c client.Reader, conn types.NamespacedName) (int, error) {
	sessions, err := sessionsOf(ctx, c, conn)
	n := 0
	for i := range sessions {
		if lives(&sessions[i]) {
			n++
		}
	}
	return n, err
}

// onLife passes that a session has begun to live at the server, or does so no longer.
func onLife() builder.WatchesOption { return builder.WithPredicates(lifeChanges(true)) }

// onLifeEnd passes that a session lives at the server no longer.
func onLifeEnd() builder.WatchesOption { return builder.WithPredicates(lifeChanges(false)) }

// lifeChanges passes the ends of sessions, and their beginnings if it is to.
func lifeChanges(beginnings bool) predicate.Funcs {
	alive := func(o client.Object) bool {
		s, ok := o.(*pamv1alpha1.ActivitySession)
		return ok && lives(s)
	}
	waits := func(o client.Object) bool {
		s, ok := o.(*pamv1alpha1.ActivitySession)
		return ok && awaitsAnswer(s)
	}
	return predicate.Funcs{
		CreateFunc: func(event.CreateEvent) bool { return false },
		UpdateFunc: func(e event.UpdateEvent) bool {
			before, now := alive(e.ObjectOld), alive(e.ObjectNew)
			freed := waits(e.ObjectOld) && !waits(e.ObjectNew) && !now
			return freed || before != now && (before || beginnings)
		},
		DeleteFunc:  func(e event.DeleteEvent) bool { return alive(e.Object) },
		GenericFunc: func(event.GenericEvent) bool { return false },
	}
}

// waitingSessions enqueues the sessions that were not asked for yet, through the connection of one that is over: there
// may be a place for one of them.
func waitingSessions(c client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		over, ok := obj.(*pamv1alpha1.ActivitySession)
		if !ok {
			return nil
		}
		sessions, err := sessionsOf(ctx, c, connection.Target(over.Spec.ConnectionRef, over.Namespace))
		if err != nil {
			return nil // the waiting ones look again by themselves
		}
		var out []reconcile.Request
		for i := range sessions {
			if sessions[i].Status.Phase == pamv1alpha1.SessionPending {
				out = append(out, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sessions[i])})
			}
		}
		return out
	})
}
