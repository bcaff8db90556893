// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
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
	// The filter is the server's and only narrows; the comparison decides.
	found, err := s.everyList(ctx, nps.Search{Text: requestID}, func(summary nps.Summary) bool {
		return NoteIsOf(summary.Note, requestID) || noteIsUnread(summary)
	})
	if err != nil || !slices.ContainsFunc(found, noteIsUnread) {
		return found, err
	}
	return s.readNotes(ctx, found, requestID)
}

func noteIsUnread(summary nps.Summary) bool { return slices.Contains(summary.Unread, "note") }

// maxNotesRead is how many sessions are read in one search because the list does not tell their notes.
const maxNotesRead = 50

// readNotes reads the sessions whose notes the list has in a form that cannot be read, and leaves out those that are
// not of the request.
func (s *Server) readNotes(ctx context.Context, found []nps.Summary, requestID string) ([]nps.Summary, error) {
	var out []nps.Summary
	read := 0
	for _, summary := range found {
		if noteIsUnread(summary) && read < maxNotesRead {
			read++
			session, err := s.client.Get(ctx, summary.ID)
			if rest.IsNotFound(err) {
				continue
			}
			if err != nil {
				return nil, err
			}
			summary.Note = session.Note
		}
		if NoteIsOf(summary.Note, requestID) {
			out = append(out, summary)
		}
	}
	return out, nil
}

// everyList searches all lists. A session that moves on between two of them is found once.
func (s *Server) everyList(
	ctx context.Context, search nps.Search, wanted func(nps.Summary) bool,
) ([]nps.Summary, error) {
	var found []nps.Summary
	known := map[string]bool{}
	for _, status := range everyStatus {
		narrowed := search
		if status != nps.FilterHistorical { // only there may be years of them
			narrowed.Since = time.Time{}
		}
		summaries, err := s.client.SearchMine(ctx, status, narrowed, func(summary nps.Summary) bool {
			return !known[key(summary.ID)] && wanted(summary)
		})
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known[key(summary.ID)] = true
		}
		found = append(found, summaries...)
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
	from, account := s.client.ServerTime(since).Add(-clockSlack), s.client.AccountID()
	return s.everyList(ctx, nps.Search{Since: from.Add(-time.Hour)}, func(summary nps.Summary) bool {
		foreign := account != "" && summary.ManagedAccountID != "" &&
			!strings.EqualFold(account, summary.ManagedAccountID)
		return !foreign && !summary.CreatedAt.Before(from)
	})
}
