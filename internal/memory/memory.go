// SPDX-License-Identifier: Apache-2.0

// Package memory returns memory to the operating system after a burst of work. By itself Go keeps half as much again as
// is in use, and returns it over minutes, if at all.
package memory

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often usage is checked. A check costs microseconds, returning memory a whole garbage collection.
	lookEvery = 5 * time.Second
	// worth is the minimum to return, in bytes, and worthShare the minimum as a share of what is in use.
	worth      = 8 << 20
	worthShare = 4
)

// Returner is a runnable that returns unused memory, whether or not its manager leads.
type Returner struct{ heap heap }

// heap is the memory of a process.
type heap interface {
	look() usage
	// giveBack collects garbage, and returns free memory to the operating system.
	giveBack()
}

// NewReturner returns a Returner for this process's memory.
func NewReturner() Returner { return Returner{process{}} }

// NeedLeaderElection is false: a manager on standby holds the same objects.
func (Returner) NeedLeaderElection() bool { return false }

// Start returns memory until the context ends.
func (r Returner) Start(ctx context.Context) error {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var given, before usage
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
		now := r.heap.look()
		if worthwhile(given, before, now) {
			r.heap.giveBack()
			now = r.heap.look()
			given = now
		}
		before = now
	}
}

// usage is the heap's memory, in bytes.
type usage struct {
	// objects is what is or was in use; free is idle memory kept for later.
	objects, free uint64
	// allocated is the total ever allocated.
	allocated uint64
}

// worthwhile reports whether enough can be returned, counting free memory and what may have become garbage since the
// last return, and whether it will stay unused: a busy manager allocates more between two checks.
func worthwhile(given, before, now usage) bool {
	spare := now.free + min(now.allocated-given.allocated, now.objects)
	return spare >= max(worth, now.objects/worthShare) && now.allocated-before.allocated < spare/2
}

// process is the heap of this process.
type process struct{}

func (process) giveBack() { debug.FreeOSMemory() }

func (process) look() usage {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	return usage{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}
