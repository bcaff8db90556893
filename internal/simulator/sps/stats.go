// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"slices"
	"time"
)

// Stats count what the appliance did since New.
type Stats struct {
	LogIns       int `json:"logIns"`
	FailedLogIns int `json:"failedLogIns"`
	// TransactionsOpened includes those opened implicitly by a first change.
	TransactionsOpened int `json:"transactionsOpened"`
	Commits            int `json:"commits"`
	// CommitsRefused counts failed PUT /api/transaction calls inside a transaction.
	CommitsRefused int `json:"commitsRefused"`
	// RollBacks counts DELETE /api/transaction; it excludes transactions that timed out.
	RollBacks int `json:"rollBacks"`
	// Writes counts accepted POST, PUT and DELETE of objects.
	Writes           int `json:"writes"`
	OpenTransactions int `json:"openTransactions"`
	// LockHolder is the user who holds the configuration; with several open transactions, one of them. "" for none.
	LockHolder string `json:"lockHolder"`
	// HoldTimes are how long each ended transaction was open, in nanoseconds in JSON.
	HoldTimes  []time.Duration `json:"holdTimes"`
	ConfigHash string          `json:"configHash"`
}

// counters are the parts of Stats that only grow.
type counters struct {
	logIns, failedLogIns, opened, commits, commitsRefused, rollBacks, writes int
	holdTimes                                                                []time.Duration
}

// Stats returns the counts and the current state.
func (a *Appliance) Stats() Stats {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expire()
	open := 0
	for _, s := range a.sessions {
		if s.tx != nil {
			open++
		}
	}
	n := a.counters
	return Stats{
		LogIns: n.logIns, FailedLogIns: n.failedLogIns,
		TransactionsOpened: n.opened, Commits: n.commits, CommitsRefused: n.commitsRefused, RollBacks: n.rollBacks,
		Writes: n.writes, OpenTransactions: open, LockHolder: a.lockHolder(),
		HoldTimes: slices.Clone(n.holdTimes), ConfigHash: a.committed.hash(),
	}
}
