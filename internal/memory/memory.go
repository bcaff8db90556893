// SPDX-License-Identifier: Apache-2.0

// Package memory gives back to the system what a burst of work needed. Go by itself keeps half as much again as is in
// use, and lets go of it over minutes, if at all.
package memory

import (
	"context"
	"runtime/debug"
	"runtime/metrics"
	"time"
)

const (
	// lookEvery is how often it is looked. A look costs microseconds, giving back a whole garbage collection.
	lookEvery = 5 * time.Second
	// worth is the least that is given back, in bytes, and worthShare the least as a share of what is in use.
	worth      = 8 << 20
	worthShare = 4
)

// Returner is a part of a manager that gives memory back for as long as it runs, whether it leads or not.
type Returner struct{}

// NeedLeaderElection says that a manager that waits for its turn gives back, too: it holds the same objects.
func (Returner) NeedLeaderElection() bool { return false }

// Start gives back until the context ends.
func (Returner) Start(ctx context.Context) error {
	every := time.NewTicker(lookEvery)
	defer every.Stop()
	var given, before usage
	for {
		select {
		case <-every.C:
		case <-ctx.Done():
			return nil
		}
		now := look()
		if worthwhile(given, before, now) {
			debug.FreeOSMemory()
			now = look()
			given = now
		}
		before = now
	}
}

// usage is what the heap takes, in bytes.
type usage struct {
	// objects is what is or was in use, free what is kept for later.
	objects, free uint64
	// allocated is all that was ever asked for.
	allocated uint64
}

// worthwhile says that enough can be given back: what is free, and as much as may have become garbage since memory was
// given back last. And that it is not needed again at once: a manager that is at work asks for more between two looks.
func worthwhile(given, before, now usage) bool {
	spare := now.free + min(now.allocated-given.allocated, now.objects)
	return spare >= max(worth, now.objects/worthShare) && now.allocated-before.allocated < spare/2
}

func look() usage {
	samples := []metrics.Sample{
		{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/free:bytes"},
		{Name: "/gc/heap/allocs:bytes"},
	}
	metrics.Read(samples)
	return usage{samples[0].Value.Uint64(), samples[1].Value.Uint64(), samples[2].Value.Uint64()}
}
