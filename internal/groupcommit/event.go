// SPDX-License-Identifier: Apache-2.0

package groupcommit

import "time"

// EventKind says what happened.
type EventKind int

const (
	// BatchStarted says that writing begins; Changes is the size of the batch before others joined it.
	BatchStarted EventKind = iota
	// TransactionOpened says that the lock is ours.
	TransactionOpened
	// Committed says that Changes are in the store and the lock is free. Hold and Duration are set.
	Committed
	// CommitLost says that nobody knows whether Changes are in the store, with Err.
	CommitLost
	// RolledBack says that Changes were undone and the lock is free. Hold is set; Err is why, nil if there was nothing
	// to commit.
	RolledBack
	// RollbackFailed says that the store did not acknowledge a roll-back (Err), so that the lock may not be free.
	RollbackFailed
	// ChangeFailed says that one change was left out, or stood alone when the commit was refused, with Err.
	ChangeFailed
	// BatchLocked says that somebody else holds the store (Err); Changes are the callers that were told.
	BatchLocked
	// BatchFailed says that the batch was given up with Err; Changes are the callers that were told, beside those of a
	// CommitLost.
	BatchFailed
)

var eventKinds = [...]string{
	BatchStarted:      "BatchStarted",
	TransactionOpened: "TransactionOpened",
	Committed:         "Committed",
	CommitLost:        "CommitLost",
	RolledBack:        "RolledBack",
	RollbackFailed:    "RollbackFailed",
	ChangeFailed:      "ChangeFailed",
	BatchLocked:       "BatchLocked",
	BatchFailed:       "BatchFailed",
}

// String is the name of the constant, fit for a metric's label.
func (k EventKind) String() string {
	if k < 0 || int(k) >= len(eventKinds) {
		return "Unknown"
	}
	return eventKinds[k]
}

// Event is something that happened, for metrics and status.
type Event struct {
	Kind EventKind
	// Changes counts the changes concerned.
	Changes int
	// Hold is how long the transaction was open: for how long nobody else could write.
	Hold time.Duration
	// Duration is the part of Hold that the commit itself took.
	Duration time.Duration
	// Err is the cause.
	Err error
}
