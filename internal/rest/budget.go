// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"math"
	"sync"
)

// ErrBudget means that there is no room for an answer because of other servers' answers. It is transient.
var ErrBudget = errors.New("there is no memory left for this answer: the answers of all servers together have " +
	"reached their limit (--max-answer-memory)")

// TooLargeError means that an answer, or what is kept of a server's answers, exceeds its limit. Trying again is useless
// until the limit is raised or the server has less data.
type TooLargeError struct {
	// What is what is too large, such as "the answer".
	What string
	// Limit is in bytes.
	Limit int64
	// Field is the setting of the limit; empty if it cannot be set.
	Field string
}

// Error names the limit and its setting.
func (e *TooLargeError) Error() string {
	text := fmt.Sprintf("%s is larger than %d bytes", e.What, e.Limit)
	if e.Field != "" {
		text += ", the limit that " + e.Field + " sets"
	}
	return text
}

// IsTooLarge reports whether the cause is a TooLargeError.
func IsTooLarge(err error) bool {
	_, ok := errors.AsType[*TooLargeError](err)
	return ok
}

// Budget is the memory that answers may take in the whole process, while they are being read and for what is kept of
// them. If it is exhausted, the largest share loses: a server that sends too much harms itself and not the others. It
// is safe for concurrent use.
type Budget struct {
	limit int64

	mu     sync.Mutex
	total  int64
	shares map[*Share]struct{}
}

// NewBudget returns a budget; limit is in bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit, shares: map[*Share]struct{}{}} }

// Share is the part of a Budget that the clients of one connection use.
type Share struct {
	budget *Budget
	field  string
	drop   func()

	// Guarded by the budget's mutex.
	max, used    int64
	over, closed bool
}

// Share returns a new share. maxBytes limits each of its answers, and field names the setting of that limit. drop is
// called, with no lock held, when what is kept must be discarded; nil means that nothing is kept. Without a budget each
// share is only bounded by its own limit.
func (b *Budget) Share(maxBytes int64, field string, drop func()) *Share {
	if b == nil {
		b = NewBudget(math.MaxInt64)
	}
	s := &Share{budget: b, max: maxBytes, field: field, drop: drop}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.shares[s] = struct{}{}
	return s
}

// SetMax sets the limit of an answer, and reports whether that changed it.
func (s *Share) SetMax(maxBytes int64) (changed bool) {
	if s == nil {
		return false
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	changed = s.max != maxBytes
	s.max = maxBytes
	return changed
}

// Max returns the limit of an answer, in bytes.
func (s *Share) Max() int64 {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.max
}

// Used returns how many bytes are reserved.
func (s *Share) Used() int64 {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.used
}

// Close returns everything. Later reservations are not counted.
func (s *Share) Close() {
	if s == nil {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.budget.total -= s.used
	s.used, s.closed = 0, true
	delete(s.budget.shares, s)
}

// Reserve reserves bytes, or fails with a *TooLargeError or ErrBudget and reserves none. It never waits: calls that
// wait for each other's memory could deadlock. Do not call it while holding a lock that drop takes.
func (s *Share) Reserve(bytes int64) error {
	if s == nil {
		return nil
	}
	victim, err := s.reserve(bytes)
	if victim != nil && victim.drop != nil {
		victim.drop()
	}
	return err
}

// slack is the fraction, as a divisor, by which a budget may be exceeded briefly while the largest share is dropped.
const slack = 8

func (s *Share) reserve(bytes int64) (victim *Share, err error) {
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case s.closed:
		return nil, nil
	case s.over:
		s.over = false
		return nil, ErrBudget
	case s.used+bytes > s.max:
		return nil, &TooLargeError{What: "what is kept of the answers", Limit: s.max, Field: s.field}
	}
	s.used += bytes
	b.total += bytes
	if b.total <= b.limit {
		return nil, nil
	}
	largest := b.largest()
	if largest == s || b.total > b.limit+b.limit/slack {
		s.used -= bytes
		b.total -= bytes
		return nil, ErrBudget
	}
	largest.over = true // what it is reading fails; the caller drops what it keeps
	return largest, nil
}

func (b *Budget) largest() (out *Share) {
	for s := range b.shares {
		if out == nil || s.used > out.used {
			out = s
		}
	}
	return out
}

// Charge takes bytes that are in memory already, whatever the limits: what a later Hold asks for is then refused.
func (s *Share) Charge(bytes int64) {
	if s == nil || bytes <= 0 {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if !s.closed {
		s.used += bytes
		s.budget.total += bytes
	}
}

// Release gives bytes back.
func (s *Share) Release(bytes int64) {
	if s == nil || bytes <= 0 {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	bytes = min(bytes, s.used) // a share that was closed has none
	s.used -= bytes
	s.budget.total -= bytes
}
