// SPDX-License-Identifier: Apache-2.0

// Package health is what a manager answers to the probes of a kubelet.
//
// Ready means that the manager can do its work now: one that cannot read what it needs, for want of a right or of a
// resource definition, is not ready, and a rollout stops there. Alive means that a restart would not help: an
// appliance, a server or an API server that does not answer is no reason for one, a lock that nobody gives back is.
package health

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// syncWait is how long a probe waits for caches that are not synced yet. A kubelet waits for a second.
const syncWait = 300 * time.Millisecond

// Ready is false until everything that the manager reads from has been listed once.
type Ready struct {
	// Caches waits until the caches are synced, or the context ends.
	Caches func(ctx context.Context) bool
	// Elected is closed when the manager leads. One that does not is ready with its caches.
	Elected <-chan struct{}
	// Unlisted names what a manager that leads has not listed yet.
	Unlisted func() []string
}

// Check is a healthz.Checker.
func (r Ready) Check(request *http.Request) error {
	ctx, cancel := context.WithTimeout(request.Context(), syncWait)
	defer cancel()
	if !r.Caches(ctx) {
		return errors.New("the caches are not synced")
	}
	select {
	case <-r.Elected:
	default:
		return nil
	}
	if unlisted := r.Unlisted(); len(unlisted) > 0 {
		return fmt.Errorf("not listed yet: %s", strings.Join(unlisted, ", "))
	}
	return nil
}

// Alive is false while something that takes a moment has not come to its end for too long.
func Alive(touch func(ctx context.Context), tooLong time.Duration) healthz.Checker {
	a := &alive{touch: touch, tooLong: tooLong}
	return a.check
}

// alive has one touch under way at a time, so that probes of a manager that hangs do not pile up.
type alive struct {
	touch   func(ctx context.Context)
	tooLong time.Duration

	mu    sync.Mutex
	since time.Time // of the touch that is under way; zero if none is
}

func (a *alive) check(request *http.Request) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() {
		a.since = time.Now()
		go a.run(request.Context())
		return nil
	}
	if waiting := time.Since(a.since); waiting > a.tooLong {
		return fmt.Errorf("a look at the manager's own state has not ended for %s", waiting.Round(time.Second))
	}
	return nil
}

func (a *alive) run(ctx context.Context) {
	a.touch(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = time.Time{}
}
