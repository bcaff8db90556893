// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"errors"

	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// Observer is told what happens on an appliance, for metrics. Its methods must return quickly.
type Observer interface {
	// Transaction reports an event of the group commit.
	Transaction(e groupcommit.Event)
	// Change reports the answer to one change.
	Change(answer Answer)
	// InventoryRead reports that a collection was read as a whole.
	InventoryRead(cause Cause)
}

// Answer is what became of a change.
type Answer string

// Answers.
const (
	// Committed: it is in the configuration.
	Committed Answer = "committed"
	// Refused: the appliance refused it.
	Refused Answer = "refused"
	// Lost: it is not known whether it was made.
	Lost Answer = "lost"
	// GivenUp: it was not made, for no fault of its own.
	GivenUp Answer = "given_up"
)

// Answers lists all answers.
func Answers() []Answer { return []Answer{Committed, Refused, Lost, GivenUp} }

// answerOf returns what became of a change by the error of its caller.
func answerOf(err error) Answer {
	switch {
	case err == nil:
		return Committed
	case errors.Is(err, groupcommit.ErrOutcomeUnknown):
		return Lost
	}
	if verdict := classify(err); verdict == groupcommit.Refused || verdict == groupcommit.Declined {
		return Refused
	}
	return GivenUp
}

// Cause is why a collection was read.
type Cause string

// Causes.
const (
	// AtStart: nothing was known.
	AtStart Cause = "start"
	// Moved: somebody, or we, changed the configuration in a way that the inventory could not follow.
	Moved Cause = "moved"
	// Interval: it was due, or the appliance does not say whether its configuration has changed.
	Interval Cause = "interval"
	// Requested: somebody asked for it.
	Requested Cause = "requested"
)

// Causes lists all causes.
func Causes() []Cause { return []Cause{AtStart, Moved, Interval, Requested} }

type noObserver struct{}

func (noObserver) Transaction(groupcommit.Event) {}
func (noObserver) Change(Answer)                 {}
func (noObserver) InventoryRead(Cause)           {}
