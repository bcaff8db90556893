// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// claims keeps two objects from taking the same session over, where its note does not say whose it is.
type claims struct {
	client client.Reader

	mu sync.Mutex
	// of maps sessions to the objects that have them, for as long as the cache may not show it.
	of map[string]types.UID
	// made maps sessions to the objects for which the server has just made them: its answer is proof.
	made map[string]types.UID
	// sending are the requests whose answers are awaited, and what they ask for.
	sending map[types.UID]target
}

func newClaims(c client.Reader) *claims {
	return &claims{client: c, of: map[string]types.UID{}, made: map[string]types.UID{}, sending: map[types.UID]target{}}
}

// send notes that a request is under way: what shows up at the server meanwhile may be its session.
func (c *claims) send(s *pamv1alpha1.ActivitySession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sending[s.UID] = targetOf(s)
}

// sent notes that the answer has come, or will not.
func (c *claims) sent(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sending, uid)
}

// contended says that another request for the same is under way, or for what may be the same.
func (c *claims) contended(s *pamv1alpha1.ActivitySession) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := targetOf(s)
	for uid, other := range c.sending {
		if uid != s.UID && mine.maybe(other) {
			return true
		}
	}
	return false
}

// take says that a session belongs to an object, unless another one has it.
func (c *claims) take(ctx context.Context, id string, uid types.UID) (bool, error) {
	id = strings.ToLower(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner, ok := c.of[id]; ok && owner != uid {
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
	c.of[id] = uid
	return true, nil
}

// has says that of all objects whose status names a session this one has it: the one that this process knows to have
// it, or the one that claimed it first.
func (c *claims) has(ctx context.Context, id string, uid types.UID) (bool, error) {
	id = strings.ToLower(id)
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner, ok := c.of[id]; ok {
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
		c.of[id] = uid
	}
	return first.UID == uid, nil
}

func (c *claims) claimants(ctx context.Context, id string) ([]pamv1alpha1.ActivitySession, error) {
	var list pamv1alpha1.ActivitySessionList
	err := c.client.List(ctx, &list, client.MatchingFields{indexSessionID: id}, client.UnsafeDisableDeepCopy)
	return list.Items, err
}

// make notes for which object the server has made a session.
func (c *claims) make(id string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.made[strings.ToLower(id)] = uid
}

// isMade says that the server has made the session for this object, by its answer to this process.
func (c *claims) isMade(id string, uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.made[strings.ToLower(id)] == uid
}

// is notes whose session it is, as the server said.
func (c *claims) is(id string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[strings.ToLower(id)] = uid
}

// forget lets go of what an object has.
func (c *claims) forget(s *pamv1alpha1.ActivitySession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sending, s.UID)
	for _, of := range []map[string]types.UID{c.of, c.made} { // and nothing of what is another object's
		if id := strings.ToLower(s.Status.SessionID); of[id] == s.UID {
			delete(of, id)
		}
	}
}

// target is what two requests have in common whose sessions look alike.
type target struct{ activity, resource pamv1alpha1.NamedOrID }

func targetOf(s *pamv1alpha1.ActivitySession) target {
	out := target{activity: s.Spec.Activity}
	if s.Spec.Resource != nil {
		out.resource = *s.Spec.Resource
	}
	return out
}

// maybe says that two requests may be for the same. Of a name and an id nobody knows that they are not.
func (t target) maybe(other target) bool {
	return maybeSame(t.activity, other.activity) && maybeSame(t.resource, other.resource)
}

func maybeSame(a, b pamv1alpha1.NamedOrID) bool {
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
