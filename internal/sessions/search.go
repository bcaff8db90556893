// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	logf "sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
)

// FindByNote returns the caller's sessions, in every state, whose note is that of the request. If one list fails, so
// does the whole search: half a search proves nothing.
func (s *Server) FindByNote(ctx context.Context, requestID string) ([]nps.Summary, error) {
	// The server's filter only narrows the search; the comparison decides.
	found, err := s.searchAll(ctx, nps.Search{Text: enoughOf(requestID)}, func(summary nps.Summary) bool {
		return NoteIsOf(summary.Note, requestID) || noteIsUnread(summary)
	})
	if err != nil || !slices.ContainsFunc(found, noteIsUnread) {
		return found, err
	}
	return s.readNotes(ctx, found, requestID)
}

// enoughOf is the part of a request id that a note still has if it was cut and is recognised.
func enoughOf(requestID string) string { return requestID[:min(len(requestID), enoughOfRequestID)] }

func noteIsUnread(summary nps.Summary) bool { return slices.Contains(summary.Unread, "note") }

// maxNotesRead is how many sessions are read in one search because their notes in the list are unreadable.
const maxNotesRead = 50

// readNotes reads the sessions whose notes in the list are unreadable, and leaves out those of other requests.
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

// searchAll searches all lists. A session that moves on between two of them is found once.
func (s *Server) searchAll(
	ctx context.Context, search nps.Search, wanted func(nps.Summary) bool,
) ([]nps.Summary, error) {
	var found []nps.Summary
	known := map[string]bool{}
	for _, status := range allLists {
		narrowed := search
		if status != nps.FilterHistorical { // only there may be years of them
			narrowed.Since = time.Time{}
		}
		narrowed.Skipped = firstOnly(func(position int) {
			logf.FromContext(ctx).Info("a record in a list of sessions cannot be read, and is not the one that is searched for",
				"server", s.address, "list", status, "position", position)
		})
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

// firstOnly is a function whose first call counts: a server may send millions of records that are none.
func firstOnly(call func(int)) func(int) {
	var once sync.Once
	return func(n int) { once.Do(func() { call(n) }) }
}

// clockSlack is the tolerated error of the server's clock, as of its last sign-in, and of the clocks of the nodes.
const clockSlack = 5 * time.Second

// MadeBefore reports whether a session was certainly created before a time of the local clock, and is therefore not of
// a request that was sent then.
func (s *Server) MadeBefore(created nps.Time, sent time.Time) bool {
	return !created.IsZero() && created.Before(s.client.ServerTime(sent).Add(-clockSlack))
}

// MadeSince returns the sessions, in every state, that were created for the account of the connection since a time of
// the local clock.
func (s *Server) MadeSince(ctx context.Context, since time.Time) ([]nps.Summary, error) {
	from, account := s.client.ServerTime(since).Add(-clockSlack), s.client.AccountID()
	return s.searchAll(ctx, nps.Search{Since: from.Add(-time.Hour)}, func(summary nps.Summary) bool {
		foreign := account != "" && summary.ManagedAccountID != "" &&
			!strings.EqualFold(account, summary.ManagedAccountID)
		return !foreign && !summary.CreatedAt.Before(from)
	})
}
