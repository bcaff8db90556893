// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// sessionQuota keeps connections and grants within their numbers of live sessions although many requests are sent at
// the same time: a place is reserved before the request is sent, and counts until the status of the session shows it.
type sessionQuota struct {
	client client.Reader
	memory *memory
	// mu makes reservations one after the other, so that each sees those before it.
	mu sync.Mutex
}

// reserve reserves a place if fewer other sessions are live or being requested than are allowed: through the
// connection, and by one of the grants that allow the request. full says which limit is reached; it is empty if there
// was a place.
func (q *sessionQuota) reserve(
	ctx context.Context, s *pamv1alpha1.ActivitySession, may permission, namespaceOf namespaceReader,
) (full string, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	full, err = q.fullBy(ctx, s, may, namespaceOf)
	if err != nil || full != "" {
		q.release(s.UID)
		return full, err
	}
	q.memory.update(s.UID, func(known *memo) { known.reserved, known.refusal = true, nil })
	return "", nil
}

func (q *sessionQuota) fullBy(
	ctx context.Context, s *pamv1alpha1.ActivitySession, may permission, namespaceOf namespaceReader,
) (string, error) {
	name := client.ObjectKeyFromObject(may.conn)
	sessions, err := loop.SessionsOf(ctx, q.client, name) // listed under the lock, to see all earlier reservations
	if err != nil {
		return "", err
	}
	others := q.live(s, sessions)
	if limit := int(connection.ActiveSessionLimit(may.conn)); len(others) >= limit {
		return fmt.Sprintf("%d of at most %d sessions of connection %s are live", len(others), limit, name), nil
	}
	return fullGrant(ctx, may, others, namespaceOf)
}

// live are the other sessions that hold a place: those that are live, and those that may be, because a request was sent
// that is not answered yet. That is in their status, so it holds after a restart as well.
func (q *sessionQuota) live(
	s *pamv1alpha1.ActivitySession, sessions []pamv1alpha1.ActivitySession,
) (live []*pamv1alpha1.ActivitySession) {
	for i := range sessions {
		other := &sessions[i]
		if other.UID == s.UID {
			continue
		}
		if other.Status.Phase.Terminal() {
			q.release(other.UID)
			continue
		}
		known := q.memory.of(other.UID)
		unanswered := loop.AwaitsAnswer(other) && (known.refusal == nil || known.refusal.open)
		if known.reserved || loop.Lives(other) || unanswered {
			live = append(live, other)
		}
	}
	return live
}

// release gives up the place of an object.
func (q *sessionQuota) release(uid types.UID) {
	if q.memory.of(uid).reserved {
		q.memory.update(uid, func(known *memo) { known.reserved = false })
	}
}

// refused releases the place of an object because its request led to nothing; if the refusal is open, once its session
// was searched for.
func (q *sessionQuota) refused(uid types.UID, what *refusal) {
	q.memory.update(uid, func(known *memo) { known.reserved, known.refusal = false, what })
}

// namespaceReader reads what grants match in a namespace.
type namespaceReader func(ctx context.Context, name string) (connection.Namespace, error)

// fullGrant says which grant is used up, if none of those that allow a request has a place left.
func fullGrant(
	ctx context.Context, may permission, live []*pamv1alpha1.ActivitySession, namespaceOf namespaceReader,
) (full string, err error) {
	for _, i := range may.grants {
		grant := &may.conn.Spec.Grants[i]
		if grant.MaxSessions == nil {
			return "", nil
		}
		covered := 0
		for _, other := range live {
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
		full = fmt.Sprintf("%d of at most %d sessions covered by grants[%d] of connection %s are live",
			covered, *grant.MaxSessions, i, client.ObjectKeyFromObject(may.conn))
	}
	return full, nil
}

// waitingSessions enqueues the sessions of a connection that were not requested yet when one of its sessions is over:
// there may be a place for one of them.
func waitingSessions(c client.Reader) handler.EventHandler {
	return handler.EnqueueRequestsFromMapFunc(func(ctx context.Context, obj client.Object) []reconcile.Request {
		over, ok := obj.(*pamv1alpha1.ActivitySession)
		if !ok {
			return nil
		}
		sessions, err := loop.SessionsOf(ctx, c, connection.Target(over.Spec.ConnectionRef, over.Namespace))
		if err != nil {
			return nil // those that wait are reconciled again anyway
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
