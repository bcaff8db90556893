// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"sync"
)

// ErrBudget means that there is no room for an answer because of what is kept of others. It is transient.
var ErrBudget = errors.New("there is no memory left for this answer: what is kept of the answers to the connections " +
	"of this namespace, or of all, has reached its limit; remove connections, or raise --max-answer-memory")

// TooLargeError means that an answer, or what is kept of a server's answers, exceeds its limit. Trying again is useless
// until the limit is raised or the server has less data.
type TooLargeError struct {
	// What is what is too large, such as "the answer".
	What string
	// Limit is in bytes, or in Unit.
	Limit int64
	Unit  string
	// Field is the setting of the limit; empty if it cannot be set.
	Field string
}

// Error names the limit and its setting.
func (e *TooLargeError) Error() string {
	text := fmt.Sprintf("%s is larger than %d %s", e.What, e.Limit, cmp.Or(e.Unit, "bytes"))
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
// them. Whoever asks for more than is left fails; nobody waits, and nobody loses what he has. So that no one can take
// it all, a connection may have a quarter of it and a namespace half. It is safe for concurrent use.
type Budget struct {
	limit int64

	mu sync.Mutex
	// total is what all namespaces have of their halves. What is guaranteed beyond a half takes nothing from others.
	total      int64
	namespaces map[string]int64
}

const (
	// perConnection and perNamespace are the fractions, as divisors, that one of them may have.
	perConnection, perNamespace = 4, 2
	// guaranteed is what each connection may have whatever the others have, in bytes: some hundred objects. It ends where
	// a namespace has as much as the whole budget, because anyone can make many connections.
	guaranteed = 1 << 20
)

// NewBudget returns a budget; limit is in bytes.
func NewBudget(limit int64) *Budget { return &Budget{limit: limit, namespaces: map[string]int64{}} }

// Share is the part of a Budget that the clients of one connection use.
type Share struct {
	budget           *Budget
	namespace, field string

	// Guarded by the budget's mutex.
	max, used int64
	closed    bool
}

// Share returns a new share for a connection in a namespace. maxBytes limits each of its answers, and field names the
// setting of that limit. Without a budget each share is only bounded by its own limit.
func (b *Budget) Share(namespace string, maxBytes int64, field string) *Share {
	if b == nil {
		b = NewBudget(math.MaxInt64)
	}
	return &Share{budget: b, namespace: namespace, max: maxBytes, field: field}
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
	s.add(-s.used)
	s.closed = true
}

// Reserve reserves bytes, or fails with a *TooLargeError or ErrBudget and reserves none. It never waits: calls that
// wait for each other's memory could deadlock, and a slow server could make others wait.
func (s *Share) Reserve(bytes int64) error {
	if s == nil {
		return nil
	}
	b := s.budget
	b.mu.Lock()
	defer b.mu.Unlock()
	used := s.used + bytes
	switch {
	case s.closed:
		return nil
	case used > s.max:
		return &TooLargeError{What: keptAnswers, Limit: s.max, Field: s.field}
	case used <= guaranteed && b.namespaces[s.namespace]+bytes <= b.limit:
	case used > b.limit/perConnection:
		return &TooLargeError{What: keptAnswers, Limit: b.limit / perConnection, Field: "--max-answer-memory"}
	case b.namespaces[s.namespace]+bytes > b.limit/perNamespace, b.total+bytes > b.limit:
		return ErrBudget
	}
	s.add(bytes)
	return nil
}

const keptAnswers = "what is kept of the answers"

// add counts bytes, which may be negative. The caller holds the budget's mutex.
func (s *Share) add(bytes int64) {
	b, before := s.budget, s.budget.namespaces[s.namespace]
	s.used += bytes
	b.total += min(before+bytes, b.limit/perNamespace) - min(before, b.limit/perNamespace)
	if b.namespaces[s.namespace] = before + bytes; before+bytes == 0 {
		delete(b.namespaces, s.namespace)
	}
}

// Charge takes bytes that are in memory already, whatever the limits: what a later Hold asks for is then refused.
func (s *Share) Charge(bytes int64) {
	if s == nil || bytes <= 0 {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	if !s.closed {
		s.add(bytes)
	}
}

// Release gives bytes back.
func (s *Share) Release(bytes int64) {
	if s == nil || bytes <= 0 {
		return
	}
	s.budget.mu.Lock()
	defer s.budget.mu.Unlock()
	s.add(-min(bytes, s.used)) // a share that was closed has none
}
