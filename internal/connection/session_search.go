// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
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

// FindByNote returns the caller's sessions, in every status, whose note ends with the word. A list that fails makes the
// whole search fail: half a search proves nothing.
func (s *Server) FindByNote(ctx context.Context, word string) ([]nps.Summary, error) {
	// The filter is the server's and only narrows; the comparison decides.
	return s.everyList(ctx, nps.Search{Text: word}, func(summary nps.Summary) bool {
		return lastWord(summary.Note) == word
	})
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
			return !known[summary.ID] && wanted(summary)
		})
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known[summary.ID] = true
		}
		found = append(found, summaries...)
	}
	return found, nil
}

// lastWord is where the operator writes; what comes before it is written by whoever asked for the session, and may be
// anything.
func lastWord(note string) string {
	words := strings.Fields(note)
	if len(words) == 0 {
		return ""
	}
	return words[len(words)-1]
}

// NoteIsOf says that a note is that of a request.
func NoteIsOf(note, requestID string) bool { return lastWord(note) == requestID }

// clockSlack is how far the server's clock, as its last sign-in told it, may be from the truth.
const clockSlack = 5 * time.Second

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

// learn takes over what the server made of a note.
func (s *Server) learn(sent, kept string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case sent == kept:
		s.keepsNotes = true
	case kept != "" && strings.HasPrefix(sent, kept):
		s.noteLimit = len([]rune(kept))
	}
}

// NoteLimit is how many characters of a note the server keeps, as far as it has shown; 0 if it kept every note.
func (s *Server) NoteLimit() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.noteLimit
}

// KeepsNotes says that the server has shown that it keeps notes: a session without one is then nobody's of ours.
func (s *Server) KeepsNotes() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keepsNotes || s.poller.roll.keepsNotes()
}
