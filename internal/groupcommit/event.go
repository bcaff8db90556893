// SPDX-License-Identifier: Apache-2.0

package groupcommit

import "time"

// EventKind is what happened.
type EventKind int

const (
	// TransactionOpened means that the lock was taken. Wait is set.
	TransactionOpened EventKind = iota
	// NotOpened means that a transaction could not be opened (Err).
	NotOpened
	// Committed means that Changes are in the store and the lock is free. Hold and Duration are set.
	Committed
	// RolledBack means that a transaction ended without a change of the store. Hold is set.
	RolledBack
	// Lost means that a commit had no usable answer (Err): Changes may or may not be in the store. Hold is set.
	Lost
	// RollbackFailed means that a roll-back had no usable answer (Err), so that the transaction may still be open. Hold is
	// set.
	RollbackFailed
	// BatchLocked means that another client holds the lock (Err). Changes counts the callers that got this answer.
	BatchLocked
	// AllRefused means that so many different commits were refused in the same words (Err), and none accepted in between,
	// that the fault is hardly that of one change. Changes counts the callers that got this answer untried.
	AllRefused
)

// Event is something that happened, for metrics and status.
type Event struct {
	Kind EventKind
	// Changes counts the changes concerned.
	Changes int
	// Wait is how long it took from the first attempt to open a transaction until one was open.
	Wait time.Duration
	// Hold is how long the transaction was open, so that no other client could write.
	Hold time.Duration
	// Duration is how long the commit took.
	Duration time.Duration
	// Err is the cause, and Verdict what it means.
	Err     error
	Verdict Verdict
}
