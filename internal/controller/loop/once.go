// SPDX-License-Identifier: Apache-2.0

package loop

import "sync"

// Once remembers what an Event was emitted about, so that it is not repeated in every reconcile. It ends with the
// process: after a restart the Event is emitted once more. Its zero value remembers nothing.
type Once[K comparable] struct {
	mu   sync.Mutex
	done map[K]bool
}

// First reports whether this is the first call for a key since it was last forgotten.
func (o *Once[K]) First(key K) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done[key] {
		return false
	}
	if o.done == nil {
		o.done = map[K]bool{}
	}
	o.done[key] = true
	return true
}

// Forget makes the next call of First for a key the first one again.
func (o *Once[K]) Forget(key K) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.done, key)
}
