// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

const mebibyte = 1 << 20

func TestWorthwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// allocated is since memory was given back last, lately since the last look; all are in MiB.
		objects, free, allocated, lately uint64
		want                             bool
	}{
		"nothing":                        {objects: 10, want: false},
		"too little":                     {objects: 10, free: 4, allocated: 3, want: false},
		"enough that is free":            {objects: 10, free: 8, want: true},
		"enough that may be garbage":     {objects: 10, allocated: 8, want: true},
		"enough of both together":        {objects: 10, free: 4, allocated: 4, want: true},
		"no more garbage than there is":  {objects: 4, allocated: 1000, want: false},
		"little beside what is in use":   {objects: 100, free: 24, want: false},
		"much beside what is in use":     {objects: 100, free: 25, want: true},
		"enough, but it is needed again": {objects: 10, free: 20, allocated: 20, lately: 20, want: false},
		"enough, and less is asked for":  {objects: 10, free: 20, allocated: 20, lately: 14, want: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			given, before := usage{allocated: 5 * mebibyte}, usage{allocated: (5 + c.allocated - c.lately) * mebibyte}
			now := usage{c.objects * mebibyte, c.free * mebibyte, (5 + c.allocated) * mebibyte}
			if got := worthwhile(given, before, now); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// burst takes memory and leaves it behind.
func burst() {
	kept := make([][]byte, 0, 64)
	for range 64 {
		kept = append(kept, make([]byte, mebibyte))
	}
	runtime.KeepAlive(kept)
}

// resident is what the heap has of the system's memory.
func resident() int64 {
	now := look()
	return int64(now.objects + now.free) //nolint:gosec // G115: less than the memory of any machine
}

// TestABurstIsGivenBack runs alone, since it looks at the heap.
func TestABurstIsGivenBack(t *testing.T) { //nolint:paralleltest // see above
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- Returner{}.Start(ctx) }()
		synctest.Wait()
		before := resident()
		burst()
		if taken := resident() - before; taken < 32*mebibyte {
			t.Fatalf("the burst took only %d bytes", taken)
		}
		<-time.After(2*lookEvery + time.Second) // the first look may still see the burst itself
		if left := resident() - before; left > worth {
			t.Errorf("%d bytes were kept", left)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestAllGiveBack(t *testing.T) {
	t.Parallel()
	if (Returner{}).NeedLeaderElection() {
		t.Error("a manager that does not lead keeps what it needed once")
	}
}
