// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"strings"
	"unicode/utf8"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// requestPrefix begins every request id, and therefore every note that the operator writes.
const requestPrefix = "pam-operator/"

// enoughOfRequestID is how much of a request id distinguishes it from others, in bytes: the prefix and eight digits of
// a random UID.
const enoughOfRequestID = len(requestPrefix) + 8

// RequestOf is the request id in a note; empty if there is none. The id is the first word: what follows was written by
// the author of the request, and may be anything. Earlier versions wrote the id last, after the author's text.
func RequestOf(note string) string {
	words := strings.Fields(note)
	if len(words) == 0 {
		return ""
	}
	if strings.HasPrefix(words[0], requestPrefix) {
		return words[0]
	}
	return words[len(words)-1]
}

// NoteIsOf reports whether a note is that of a request.
func NoteIsOf(note, requestID string) bool { return requestID != "" && RequestOf(note) == requestID }

// NoteIsMute reports whether a note does not identify its request: the server has dropped it, or cut it within the
// request id.
func NoteIsMute(note, requestID string) bool {
	note = strings.TrimSpace(note)
	return note != requestID && strings.HasPrefix(requestID, note)
}

// NoteIsCutFrom reports whether a note was cut within a request id: what is left is long enough to distinguish the id
// from others, or as long as the server's limit of notes. A shorter one says no more than a missing note.
func NoteIsCutFrom(note, requestID string, limit int) bool {
	note = strings.TrimSpace(note)
	cut := len(note) >= enoughOfRequestID || limit > 0 && utf8.RuneCountInString(note) == limit
	return cut && NoteIsMute(note, requestID)
}

// notes is how a server was seen to handle notes.
type notes struct {
	handling pamv1alpha1.NoteHandling
	limit    int
}

// learn records how the server handled a note. A note that was kept outweighs one that is missing: an answer may omit
// it although the server has it.
func (n *notes) learn(sent, kept string) {
	sent, kept = strings.TrimSpace(sent), strings.TrimSpace(kept)
	switch {
	case sent == "":
	case kept == sent:
		if n.handling != pamv1alpha1.NotesTruncated || utf8.RuneCountInString(kept) > n.limit {
			*n = notes{handling: pamv1alpha1.NotesKept}
		}
	case kept == "":
		if n.handling == "" {
			n.handling = pamv1alpha1.NotesDropped
		}
	case strings.HasPrefix(sent, kept):
		*n = notes{pamv1alpha1.NotesTruncated, utf8.RuneCountInString(kept)}
	}
}

// loses reports whether a request id does not survive at the server.
func (n notes) loses(requestID string) bool {
	return n.handling == pamv1alpha1.NotesDropped ||
		n.handling == pamv1alpha1.NotesTruncated && n.limit < len(requestID)
}

// Learn records how the server handled the note of a session that is known to be ours by the answer to its request.
func (s *Server) Learn(sent, kept string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notes.learn(sent, kept)
}

// Recall restores what an earlier process has learned, unless this one knows better.
func (s *Server) Recall(status *pamv1alpha1.NPSConnectionStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.notes.handling != "" || status.NoteHandling == "" {
		return
	}
	s.notes.handling = status.NoteHandling
	if status.NoteLimit != nil {
		s.notes.limit = int(*status.NoteLimit)
	}
}

// NoteHandling is how the server was seen to handle notes, and how many characters it keeps if it cuts them.
func (s *Server) NoteHandling() (handling pamv1alpha1.NoteHandling, limit *int32) {
	shown := s.poller.register.keepsNotes()
	s.mu.Lock()
	defer s.mu.Unlock()
	if shown && s.notes.handling != pamv1alpha1.NotesTruncated {
		s.notes = notes{handling: pamv1alpha1.NotesKept}
	}
	if s.notes.handling == pamv1alpha1.NotesTruncated {
		limit = new(int32(s.notes.limit)) //nolint:gosec // the length of a note
	}
	return s.notes.handling, limit
}

// LosesNotes reports whether the server was seen to drop notes, or to cut them within the request id. Only then may a
// session without a note be one that the operator has requested.
func (s *Server) LosesNotes(requestID string) bool {
	if s.poller.register.keepsNotes() {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.notes.loses(requestID)
}
