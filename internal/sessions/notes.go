// SPDX-License-Identifier: Apache-2.0

package sessions

import "strings"

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

// NoteIsOf reports whether a note is that of a request. One that the server has cut is, if what is left of the request
// id is enough.
func NoteIsOf(note, requestID string) bool {
	cut := len(strings.TrimSpace(note)) >= enoughOfRequestID && NoteIsMute(note, requestID)
	return requestID != "" && (cut || RequestOf(note) == requestID)
}

// NoteIsMute reports whether a note does not contain its whole request id: the server has dropped it, or cut it.
func NoteIsMute(note, requestID string) bool {
	note = strings.TrimSpace(note)
	return note != requestID && strings.HasPrefix(requestID, note)
}

// KeepsNotes reports whether the server is known to give notes back: a list has shown one of ours.
func (s *Server) KeepsNotes() bool { return s.poller.register.keepsNotes() }
