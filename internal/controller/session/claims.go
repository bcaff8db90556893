// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"maps"
	"strings"
	"sync"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/sessions"
)

// claims knows whose sessions are. It is keyed by session, unlike memory, because it compares objects; and by the
// server's own key, because what one server says must not count for the sessions of another one.
type claims struct {
	client client.Reader

	mu sync.Mutex
	// proven maps sessions to the objects whose they are, by the server's answer to the object's request or by the note.
	proven map[string]types.UID
}

func newClaims(c client.Reader) *claims {
	return &claims{client: c, proven: map[string]types.UID{}}
}

// answered records that the server has answered an object's request with this session, and reports whether that is
// proof: it is not if the session is that of another object.
func (c *claims) answered(key string, uid types.UID) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if owner, ok := c.proven[key]; ok && owner != uid {
		return false
	}
	c.proven[key] = uid
	return true
}

// noted records that a session has an object's request id in its note, which only the operator can have written.
func (c *claims) noted(key string, uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proven[key] = uid
}

// owner is the object whose a session is, if that is proven.
func (c *claims) owner(key string) (uid types.UID, proven bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	uid, proven = c.proven[key]
	return uid, proven
}

// isAnothers reports whether another object has a session of this server, as is proven or as its status says.
func (c *claims) isAnothers(ctx context.Context, server *sessions.Server, id string, uid types.UID) (bool, error) {
	if owner, ok := c.owner(server.Key(id)); ok {
		return owner != uid, nil
	}
	var list pamv1alpha1.ActivitySessionList
	err := c.client.List(ctx, &list, client.MatchingFields{loop.IndexSessionID: strings.ToLower(id)},
		client.UnsafeDisableDeepCopy)
	for i := range list.Items {
		if other := &list.Items[i]; other.UID != uid && other.Status.Server == server.Address() {
			return true, nil
		}
	}
	return false, err
}

// forget drops the claims of an object that is gone, or has no session anymore.
func (c *claims) forget(uid types.UID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.proven, func(_ string, owner types.UID) bool { return owner == uid })
}
