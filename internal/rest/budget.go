// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"errors"
	"fmt"
	"math"
	"sync"
)

// ErrBudget says that there is no room for an answer because of the answers of other servers. It passes.
var ErrBudget = errors.New("there is no memory left for this answer, because the answers of all servers together " +
	"take as much as they may (--max-answer-memory)")

// TooLargeError says that an answer, or what is kept of a server's answers, is larger than its limit. Asking again
// changes nothing until the limit is raised or the server holds less.
type TooLargeError struct {
	// What is too large, such as "the answer".
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

// IsTooLarge says that the cause is a TooLargeError.
func IsTooLarge(err error) bool {
	_, ok := errors.AsType[*TooLargeError](err)
	return ok
}

// Budget is the memory that answers may take in the whole process: those that are being read and what is kept of them.
// Where it does not suffice, the share that takes most loses: a server that sends much harms itself and not the others.
// It is safe for concurrent use.
type Budget struct {
	limit int64

	mu     sync.Mutex
	total  int64
	shares map[*Share]struct{}
}

// NewBudget returns a budget; limit is in bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit, shares: map[*Share]struct{}{}} }

// Share is what the clients of one connection take of a Budget.
type Share struct {
	budget *Budget
	field  string
	drop   func()

	// The rest belongs to the budget's mutex.
	max, used    int64
	over, closed bool
}

// Share returns a new share. maxBytes limits each of its answers, and field names the setting of that limit. Drop is
// called when what is kept has to go, with no lock held; nil means that nothing is kept. No budget at all bounds each
// share by itself.
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

// SetMax changes the limit of an answer, and says whether it was another one.
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

// Max is the limit of an answer, in bytes.
func (s *Share) Max() int64 {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.max
}

// Used is how many bytes are held now.
func (s *Share) Used() int64 {
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	return s.used
}

// Close gives everything back. What is held later is not counted.
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

// Hold takes bytes, or fails with a *TooLargeError or ErrBudget and takes none. It never waits: calls that hold
// memory and wait for that of others could wait for ever. Do not call it with a lock in hand that drop takes.
func (s *Share) Hold(bytes int64) error {
	if s == nil {
		return nil
	}
	victim, err := s.hold(bytes)
	if victim != nil && victim.drop != nil {
		victim.drop()
	}
	return err
}

// slack is by which part of itself a budget may be exceeded for the moment in which the largest share is being dropped.
const slack = 8

func (s *Share) hold(bytes int64) (victim *Share, err error) {
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
	largest.over = true // what it is reading fails; what it keeps is dropped by the caller
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
