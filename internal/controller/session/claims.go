// SPDX-License-Identifier: Apache-2.0

package session

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// claims prevents two objects from adopting the same session if its note does not say whose it is. It is keyed by
// session, unlike memory, because it compares objects.
type claims struct {
	client client.Reader

	mu sync.Mutex
	// owners maps sessions to the objects that have them, for as long as the cache may not show it.
	owners map[string]types.UID
	// created maps sessions to the objects for which the server has created them: its answer is proof.
	created map[string]types.UID
	// inFlight are the requests whose answers are awaited, and what they request.
	inFlight map[types.UID]target
}

func newClaims(c client.Reader) *claims {
	return &claims{
		client: c, owners: map[string]types.UID{}, created: map[string]types.UID{}, inFlight: map[types.UID]target{},
	}
}

// sending records that a request is being sent: a session that appears meanwhile may be its session.
func (c *claims) sending(s *pamv1alpha1.ActivitySession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.inFlight[s.UID] = targetOf(s)
}

// answered records that the answer has come, or will not.
func (c *claims) answered(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inFlight, uid)
}

// contended reports whether another request for the same, or for what may be the same, is being sent.
func (c *claims) contended(s *pamv1alpha1.ActivitySession) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := targetOf(s)
	for uid, other := range c.inFlight {
		if uid != s.UID && mine.mayEqual(other) {
			return true
		}
	}
	return false
}

// take claims a session for an object, and reports whether that succeeded: no other object has it.
func (c *claims) take(ctx context.Context, id string, uid types.UID) (bool, error) {
	id = strings.ToLower(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner, ok := c.owners[id]; ok && owner != uid {
		return false, nil
	}
	list, err := c.claimants(ctx, id)
	if err != nil {
		return false, err
	}
	for i := range list {
		if list[i].UID != uid {
			return false, nil
		}
	}
	c.owners[id] = uid
	return true, nil
}

// isFirst reports whether, of all objects whose status names a session, this one has it: the one that is its owner as
// far as this process knows, or otherwise the one that claimed it first.
func (c *claims) isFirst(ctx context.Context, id string, uid types.UID) (bool, error) {
	id = strings.ToLower(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner, ok := c.owners[id]; ok {
		return owner == uid, nil
	}
	list, err := c.claimants(ctx, id)
	if err != nil || len(list) == 0 { // the cache does not show the object's own claim yet
		return err == nil, err
	}
	first := slices.MinFunc(list, func(a, b pamv1alpha1.ActivitySession) int {
		return cmp.Or(timeOf(a.Status.RequestTime).Compare(timeOf(b.Status.RequestTime)),
			a.CreationTimestamp.Compare(b.CreationTimestamp.Time), cmp.Compare(a.UID, b.UID))
	})
	if first.UID == uid {
		c.owners[id] = uid
	}
	return first.UID == uid, nil
}

func (c *claims) claimants(ctx context.Context, id string) ([]pamv1alpha1.ActivitySession, error) {
	var list pamv1alpha1.ActivitySessionList
	err := c.client.List(ctx, &list, client.MatchingFields{loop.IndexSessionID: id}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// setCreated records for which object the server has created a session.
func (c *claims) setCreated(id string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.created[strings.ToLower(id)] = uid
}

// isCreatedFor reports whether the server has created the session for this object, by its answer to this process.
func (c *claims) isCreatedFor(id string, uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.created[strings.ToLower(id)] == uid
}

// setOwner records whose session it is, as the server said.
func (c *claims) setOwner(id string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owners[strings.ToLower(id)] = uid
}

// forget drops the claims of an object, and none of another object.
func (c *claims) forget(s *pamv1alpha1.ActivitySession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.inFlight, s.UID)
	for _, of := range []map[string]types.UID{c.owners, c.created} {
		if id := strings.ToLower(s.Status.SessionID); of[id] == s.UID {
			delete(of, id)
		}
	}
}

// target is what two requests have in common if their sessions look alike.
type target struct{ activity, resource pamv1alpha1.NamedOrID }

func targetOf(s *pamv1alpha1.ActivitySession) target {
	out := target{activity: s.Spec.Activity}
	if s.Spec.Resource != nil {
		out.resource = *s.Spec.Resource
	}
	return out
}

// mayEqual reports whether two requests may be for the same. A name and an id may mean the same.
func (t target) mayEqual(other target) bool {
	return mayBeSame(t.activity, other.activity) && mayBeSame(t.resource, other.resource)
}

func mayBeSame(a, b pamv1alpha1.NamedOrID) bool {
	switch none := (pamv1alpha1.NamedOrID{}); {
	case a == none || b == none:
		return a == b
	case a.ID != "" && b.ID != "":
		return strings.EqualFold(a.ID, b.ID)
	case a.Name != "" && b.Name != "":
		return strings.EqualFold(a.Name, b.Name)
	}
	return true
}
