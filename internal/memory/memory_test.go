// SPDX-License-Identifier: Apache-2.0

package memory

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const mebibyte = 1 << 20

func TestWorthwhile(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// allocated counts since the last return, lately since the last check; all values are in MiB.
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

// fakeHeap is a heap that a test controls. It counts how often memory was given back.
type fakeHeap struct {
	mu    sync.Mutex
	usage usage
	used  uint64 // the part of objects that is not garbage
	given int
}

func (h *fakeHeap) look() usage {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.usage
}

func (h *fakeHeap) giveBack() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.usage.objects, h.usage.free, h.given = h.used, 0, h.given+1
}

// takes allocates bytes and drops them.
func (h *fakeHeap) takes(bytes uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.usage.objects, h.usage.allocated = h.usage.objects+bytes, h.usage.allocated+bytes
}

func (h *fakeHeap) givenBack() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.given
}

func TestABurstIsGivenBackOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		h := &fakeHeap{used: 10 * mebibyte, usage: usage{objects: 10 * mebibyte}}
		go func() { ended <- Returner{h}.Start(ctx) }()
		pass := func(looks int) {
			<-time.After(time.Duration(looks)*lookEvery + time.Second)
			synctest.Wait()
		}
		for i := range 3 { // at work: it allocates more and more
			h.takes(64 << i * mebibyte)
			pass(1)
		}
		if n := h.givenBack(); n != 0 {
			t.Errorf("given back %d times while at work", n)
		}
		pass(10)
		if n, left := h.givenBack(), h.look().objects; n != 1 || left != h.used {
			t.Errorf("given back %d times while idle, %d bytes are left", n, left)
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheHeapOfTheProcessIsSeen(t *testing.T) {
	t.Parallel()
	if seen := (process{}).look(); seen.objects == 0 || seen.allocated < seen.objects {
		t.Errorf("it has %+v", seen)
	}
}

func TestAllGiveBack(t *testing.T) {
	t.Parallel()
	if (Returner{}).NeedLeaderElection() {
		t.Error("a standby manager keeps memory it no longer needs")
	}
}
