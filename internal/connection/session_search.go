// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
)

// everyStatus are the lists that together hold every session of the caller (nps contract 5), in the order of a
// session's life: one that moves on while they are read is met again in a later list.
var everyStatus = []nps.StatusFilter{
	nps.FilterApprovalRequired, nps.FilterPending, nps.FilterActive,
	nps.FilterCancelling, nps.FilterHistorical,
}

// FindByNote returns the caller's sessions, in every status, whose note is that of the request. A list that fails makes
// the whole search fail: half a search proves nothing.
func (s *Server) FindByNote(ctx context.Context, requestID string) ([]nps.Summary, error) {
	var found []nps.Summary
	for _, status := range everyStatus {
		// The filter is the server's and only narrows; the comparison below decides.
		summaries, err := s.client.ListMine(ctx, status, requestID)
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known := slices.ContainsFunc(found, func(o nps.Summary) bool { return o.ID == summary.ID })
			if !known && NoteIsOf(summary.Note, requestID) {
				found = append(found, summary)
			}
		}
	}
	return found, nil
}

// clockSlack is how far the server's clock, as its last sign-in told it, and the clocks of the nodes on which managers
// run may be from the truth.
const clockSlack = 5 * time.Second

// MadeBefore says that a session was certainly made before a time of the local clock, and can therefore not have come
// of a request that was sent then.
func (s *Server) MadeBefore(created nps.Time, sent time.Time) bool {
	return !created.IsZero() && created.Before(s.client.ServerTime(sent).Add(-clockSlack))
}

// MadeSince returns the sessions, in every status, that were made for the account of the connection since a time of the
// local clock.
func (s *Server) MadeSince(ctx context.Context, since time.Time) ([]nps.Summary, error) {
	var found []nps.Summary
	from, account := s.client.ServerTime(since).Add(-clockSlack), s.client.AccountID()
	for _, status := range everyStatus {
		summaries, err := s.list(ctx, status, from)
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known := slices.ContainsFunc(found, func(o nps.Summary) bool { return o.ID == summary.ID })
			foreign := account != "" && summary.ManagedAccountID != "" &&
				!strings.EqualFold(account, summary.ManagedAccountID)
			if !known && !foreign && !summary.CreatedAt.Before(from) {
				found = append(found, summary)
			}
		}
	}
	return found, nil
}

// list leaves out what began long ago where sessions are listed that are over: there may be years of them.
func (s *Server) list(ctx context.Context, status nps.StatusFilter, from time.Time) ([]nps.Summary, error) {
	if status == nps.FilterHistorical {
		return s.client.ListMineSince(ctx, status, from.Add(-time.Hour))
	}
	return s.client.ListMine(ctx, status, "")
}
