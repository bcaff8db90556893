// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// span is a stretch of time in which everything is counted.
type span struct {
	bed    *bed
	audit  auditMark
	before sps.Stats
	calls  int
	begun  time.Time
}

// spent is what happened in a span.
type spent struct {
	calls                                 []fault.Call
	logIns, opened, commits, refused, put int
	holds                                 []time.Duration
	work                                  writes
	elections                             int
}

func (s span) end() (spent, error) {
	now, calls := s.bed.appliance.Stats(), s.bed.appliance.Faults().Calls()
	written, err := s.audit.since()
	work, elections := written.split()
	return spent{
		calls: slices.Clone(calls[s.calls:]), logIns: now.LogIns - s.before.LogIns,
		opened: now.TransactionsOpened - s.before.TransactionsOpened, commits: now.Commits - s.before.Commits,
		refused: now.CommitsRefused - s.before.CommitsRefused, put: now.Writes - s.before.Writes,
		holds: slices.Clone(now.HoldTimes[len(s.before.HoldTimes):]), work: work, elections: elections,
	}, err
}

// rows tell what was spent, without a budget.
func (s spent) rows(b *bench) []row {
	return []row{
		b.told("appliance calls", "%d: %s", len(s.calls), tallyOf(s.calls)),
		b.told("log-ins / transactions / commits / refused", "%d / %d / %d / %d", s.logIns, s.opened, s.commits, s.refused),
		b.told("API server writes", "%d: %s; and %d of leader election", s.work.total(), s.work, s.elections),
	}
}
