// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"slices"
	"strings"

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
	var found []nps.Summary
	for _, status := range everyStatus {
		// The filter is the server's and only narrows; the comparison below decides.
		summaries, err := s.client.ListMine(ctx, status, word)
		if err != nil {
			return nil, err
		}
		for _, summary := range summaries {
			known := slices.ContainsFunc(found, func(o nps.Summary) bool { return o.ID == summary.ID })
			if !known && lastWord(summary.Note) == word {
				found = append(found, summary)
			}
		}
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
