// SPDX-License-Identifier: Apache-2.0

package main

import (
	"slices"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// tap is a period in which calls and writes are counted.
type tap struct {
	faults *fault.Injector
	audit  auditMark
	calls  int
	begun  time.Time
}

// counted is what was counted in a period.
type counted struct {
	calls     []fault.Call
	work      writes
	elections int
}

func (t tap) counted() (counted, error) {
	written, err := t.audit.since()
	work, elections := written.split()
	return counted{calls: slices.Clone(t.faults.Calls()[t.calls:]), work: work, elections: elections}, err
}

// span is a period in which everything that happens at an appliance is counted.
type span struct {
	tap
	bed    *bed
	before sps.Stats
}

// spent is what happened in a span.
type spent struct {
	counted
	logIns, opened, commits, refused, put int
	holds                                 []time.Duration
}

func (s span) end() (spent, error) {
	now := s.bed.appliance.Stats()
	all, err := s.counted()
	return spent{
		counted: all, logIns: now.LogIns - s.before.LogIns,
		opened: now.TransactionsOpened - s.before.TransactionsOpened, commits: now.Commits - s.before.Commits,
		refused: now.CommitsRefused - s.before.CommitsRefused, put: now.Writes - s.before.Writes,
		holds: slices.Clone(now.HoldTimes[len(s.before.HoldTimes):]),
	}, err
}

// rows report the consumption, without a budget.
func (s spent) rows(b *bench) []row {
	return []row{
		b.unbudgeted("appliance calls", "%d: %s", len(s.calls), tallyOf(s.calls)),
		b.unbudgeted("log-ins / transactions / commits / refused", "%d / %d / %d / %d",
			s.logIns, s.opened, s.commits, s.refused),
		s.written(b, "API server writes"),
	}
}

func (c counted) written(b *bench, what string) row {
	return b.unbudgeted(what, "%d: %s; and %d of leader election", c.work.total(), c.work, c.elections)
}
