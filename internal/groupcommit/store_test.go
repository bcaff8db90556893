// SPDX-License-Identifier: Apache-2.0

package groupcommit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/panics"
)

var (
	errRefused  = errors.New("refused")
	errFailed   = errors.New("failed")
	errLocked   = errors.New("locked")
	errConflict = errors.New("conflict")
	errForeign  = errors.New("foreign")
	errStopped  = errors.New("stopped")
	errDeclined = errors.New("declined")
)

func classify(err error) groupcommit.Verdict {
	switch {
	case errors.Is(err, errRefused):
		return groupcommit.Refused
	case errors.Is(err, errLocked):
		return groupcommit.Locked
	case errors.Is(err, errConflict):
		return groupcommit.Conflict
	case errors.Is(err, errForeign):
		return groupcommit.Foreign
	case errors.Is(err, errStopped):
		return groupcommit.Stopped
	case errors.Is(err, errDeclined):
		return groupcommit.Declined
	}
	return groupcommit.Failed
}

// describe names everything that a test can learn from an answer.
func describe(err error) string {
	if err == nil {
		return "ok"
	}
	known := []error{
		groupcommit.ErrOutcomeUnknown, groupcommit.ErrBaseMoved, groupcommit.ErrClosed,
		errRefused, errFailed, errLocked, errConflict, errForeign, errStopped, context.Canceled, context.DeadlineExceeded,
	}
	var names []string
	for _, k := range known {
		if errors.Is(err, k) {
			names = append(names, k.Error())
		}
	}
	var panicked *panics.Error
	if errors.As(err, &panicked) {
		names = append(names, "panic")
	}
	if names == nil {
		return err.Error()
	}
	return strings.Join(names, ", ")
}

// faults are asked, each time with the number of times so far, whether a step fails.
type faults struct {
	begin, verify, rollback func(time int) error
	// commit gets the names that would be new.
	commit func(time int, names []string) error
	// vanish makes a failing commit take effect all the same.
	vanish func(time int, names []string) bool
	// tear drops the transaction behind the client's back after a write; the next write opens another one by itself.
	tear func(write int) bool
}

// store holds names. It has one lock, takes its time, and fails where a test wants it to. It notes in misuse whatever a
// correct Committer never does.
type store struct {
	writeTime, commitTime time.Duration
	verifyTime            time.Duration // for each write
	faults

	mu        sync.Mutex
	open      *tx
	committed map[string]int // how often each name was committed
	begins    int
	verifies  int
	commits   int // asked for, not only successful ones
	rollbacks int
	writes    int
	misuse    []string
	history   []string // "when: names" of each successful commit
	started   time.Time
}

func newStore() *store { return &store{committed: map[string]int{}, started: time.Now()} }

func (s *store) Begin(ctx context.Context) (*tx, time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begins++
	if s.open != nil {
		s.misuse = append(s.misuse, "two transactions at a time")
	}
	if err := ctx.Err(); err != nil {
		return nil, time.Time{}, err
	}
	if s.begin != nil {
		if err := s.begin(s.begins); err != nil {
			return nil, time.Time{}, err
		}
	}
	s.open = &tx{store: s}
	return s.open, time.Now(), nil
}

// names are the committed names in order.
func (s *store) names() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(slices.Sorted(maps.Keys(s.committed)), " ")
}

// tx is a transaction of store.
type tx struct {
	store   *store
	writes  int
	pending []string // what a commit would make of it
	written []string // all that was written through it, which is more after a tear
}

func (t *tx) Writes() int { return t.writes }

func (t *tx) Verify(ctx context.Context) error {
	t.mustBeOpen("verify")
	t.store.verifies++ // only the batch is here
	if err := pause(ctx, time.Duration(t.Writes())*t.store.verifyTime); err != nil {
		return err
	}
	if len(t.pending) < len(t.written) {
		return fmt.Errorf("%w: %v were written, and %v are there", errConflict, t.written, t.pending)
	}
	if t.store.verify != nil {
		return t.store.verify(t.store.verifies)
	}
	return ctx.Err()
}

func (t *tx) Commit(ctx context.Context) error {
	t.mustBeOpen("commit")
	s := t.store
	err := pause(ctx, s.commitTime)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commits++
	if len(t.pending) == 0 {
		s.misuse = append(s.misuse, "empty commit")
	}
	if err == nil && s.commit != nil {
		err = s.commit(s.commits, t.pending)
	}
	if err == nil || s.vanish != nil && s.vanish(s.commits, t.pending) {
		for _, name := range t.pending {
			s.committed[name]++
		}
		s.open = nil
		s.history = append(s.history, fmt.Sprintf("%v: %s", time.Since(s.started), strings.Join(t.pending, " ")))
	}
	return err
}

func (t *tx) Rollback(ctx context.Context) error {
	s := t.store
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rollbacks++
	if err := ctx.Err(); err != nil {
		s.misuse = append(s.misuse, "roll-back under a context that has ended")
	}
	s.open = nil // also when the answer gets lost: the next Begin clears up what the last one left
	if s.rollback != nil {
		return s.rollback(s.rollbacks)
	}
	return nil
}

// write adds a name to the transaction.
func (t *tx) write(ctx context.Context, name string) error {
	t.mustBeOpen("write")
	t.writes++
	if err := pause(ctx, t.store.writeTime); err != nil {
		return err
	}
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	t.store.writes++
	t.pending, t.written = append(t.pending, name), append(t.written, name)
	if t.store.tear != nil && t.store.tear(t.store.writes) {
		t.pending = nil
	}
	return nil
}

// has reports whether the name is there, seen from inside the transaction.
func (t *tx) has(name string) bool {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	return t.store.committed[name] > 0 || slices.Contains(t.written, name)
}

// needs fails if what was written is lost, as a write does that refers to it.
func (t *tx) needs(name string) error {
	if slices.Contains(t.written, name) && !slices.Contains(t.pending, name) {
		return fmt.Errorf("%w: %s is lost", errConflict, name)
	}
	return nil
}

func (t *tx) mustBeOpen(what string) {
	t.store.mu.Lock()
	defer t.store.mu.Unlock()
	if t.store.open != t {
		t.store.misuse = append(t.store.misuse, what+" after the end of the transaction")
	}
}

func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

type change = groupcommit.Change[*tx]

// put makes sure that name is there.
func put(name string) change {
	return func(ctx context.Context, t *tx) error {
		if t.has(name) {
			return nil
		}
		return t.write(ctx, name)
	}
}

// bench is a committer on a store, and the answers that came so far.
type bench struct {
	*groupcommit.Committer[*tx]
	store *store

	mu      sync.Mutex
	names   []string // in order of arrival
	answers map[string]string
	events  []groupcommit.Event
	callers sync.WaitGroup
}

func newBench(s *store, settings groupcommit.Settings) *bench {
	b := &bench{store: s, answers: map[string]string{}}
	b.Committer = groupcommit.New(groupcommit.Options[*tx]{
		Store:    s,
		Classify: classify,
		Settings: func() groupcommit.Settings { return settings },
		Observe: func(e groupcommit.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		},
	})
	return b
}

// do calls Do in the background and notes the answer under name.
func (b *bench) do(ctx context.Context, name string, c change) {
	b.doFor(ctx, groupcommit.Identity{}, name, c)
}

// doFor is do for a change of somebody.
func (b *bench) doFor(ctx context.Context, whose groupcommit.Identity, name string, c change) {
	b.mu.Lock()
	b.names = append(b.names, name)
	b.mu.Unlock()
	b.callers.Go(func() {
		answer := describe(b.Do(ctx, whose, c))
		b.mu.Lock()
		defer b.mu.Unlock()
		if before, answered := b.answers[name]; answered {
			answer = before + " and then " + answer
		}
		b.answers[name] = answer
	})
}

// wait waits until all callers have their answers and the runner is done: a change with nothing to write is answered
// before the roll-back of the transaction that it looked at.
func (b *bench) wait() {
	b.callers.Wait()
	synctest.Wait()
}

// said lists the answers so far in order of arrival: "a: ok; b: locked".
func (b *bench) said() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var said []string
	for _, name := range b.names {
		if answer, answered := b.answers[name]; answered {
			said = append(said, name+": "+answer)
		}
	}
	return strings.Join(said, "; ")
}

// check fails the test if the lock is not free, or the committer did something that is never right.
func (b *bench) check(t *testing.T) {
	t.Helper()
	b.store.mu.Lock()
	defer b.store.mu.Unlock()
	if b.store.open != nil {
		t.Error("the lock is not free at the end")
	}
	for _, m := range b.store.misuse {
		t.Error(m)
	}
}
