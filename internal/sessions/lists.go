// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"slices"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// liveLists are the lists of sessions that are not over, in the order of a session's life: a session that moves on
// while they are read appears again in a later list, which is believed. A list is named after the state of its
// sessions.
var liveLists = []nps.StatusFilter{
	nps.FilterApprovalRequired, nps.FilterPending, nps.FilterActive, nps.FilterCancelling,
}

// allLists are the lists that together hold every session of the caller (docs/vendors/nps.md 5), in the same order.
var allLists = append(slices.Clone(liveLists), nps.FilterHistorical)

// LiveStatuses are the states of the sessions that a poller lists, in the order of a session's life.
func LiveStatuses() []nps.Status {
	out := make([]nps.Status, 0, len(liveLists))
	for _, filter := range liveLists {
		out = append(out, nps.Status(filter))
	}
	return out
}

// listOf is the live list of the sessions in a state; empty if there is none.
func listOf(status nps.Status) nps.StatusFilter {
	if filter := nps.StatusFilter(status); slices.Contains(liveLists, filter) {
		return filter
	}
	return ""
}

// pageSize is how many sessions a page of a list has.
const pageSize = 100

// withListState gives a session whose state cannot be read the state of the list that contains it, so that a move to
// another list is noticed.
func withListState(filter nps.StatusFilter, session nps.Session) (_ nps.Session, guessed bool) {
	if session.Status.Known() || filter == nps.FilterHistorical {
		return session, false
	}
	session.Status = nps.Status(filter)
	return session, true
}
