// SPDX-License-Identifier: Apache-2.0

// Package health answers the probes of a kubelet.
//
// Ready means that the manager can do its work: without a permission or resource definition that it needs, it is not
// ready, and a rollout stops there. Alive means that a restart would not help: a deadlock is a reason to restart; an
// appliance, server or API server that does not respond is not.
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

// syncWait is how long a probe waits for unsynced caches. A kubelet waits for a second.
const syncWait = 300 * time.Millisecond

// Ready fails until everything that the manager reads has been listed once.
type Ready struct {
	// Caches waits until the caches are synced, or the context ends.
	Caches func(ctx context.Context) bool
	// Elected is closed when the manager becomes leader. Without leadership, synced caches are enough to be ready.
	Elected <-chan struct{}
	// Unlisted returns what a leading manager has not listed yet.
	Unlisted func() []string
}

// Check implements healthz.Checker.
func (r Ready) Check(request *http.Request) error {
	ctx, cancel := context.WithTimeout(request.Context(), syncWait)
	defer cancel()
	if !r.Caches(ctx) {
		return errors.New("caches are not synced")
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

// Alive fails while a trivial operation has been running for too long.
func Alive(touch func(ctx context.Context), tooLong time.Duration) healthz.Checker {
	a := &alive{touch: touch, tooLong: tooLong}
	return a.check
}

// alive runs one touch at a time, so that probes of a hanging manager do not pile up.
type alive struct {
	touch   func(ctx context.Context)
	tooLong time.Duration

	mu    sync.Mutex
	since time.Time // when the running touch began; zero if none is running
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
		return fmt.Errorf("a check of the manager's own state has not returned for %s", waiting.Round(time.Second))
	}
	return nil
}

func (a *alive) run(ctx context.Context) {
	a.touch(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = time.Time{}
}
