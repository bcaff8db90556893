// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/nps"
)

const anID = "pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1"

func TestWhoseANoteIs(t *testing.T) {
	for name, c := range map[string]struct {
		note     string
		is, mute bool
	}{
		"the id alone":                       {note: anID, is: true},
		"the id before the author's text":    {note: anID + ` requested by alice: "vacuum"`, is: true},
		"the id behind it, as it once was":   {note: "vacuum requested by alice " + anID, is: true},
		"another id before ours":             {note: `pam-operator/other/1 "` + anID + `"`},
		"another id before ours, unquoted":   {note: "pam-operator/other/1 " + anID},
		"a longer id":                        {note: anID + "2"},
		"nothing":                            {mute: true},
		"blanks":                             {note: "  ", mute: true},
		"our id cut short":                   {note: anID[:30], mute: true, is: true},
		"just enough of our id":              {note: anID[:21], mute: true, is: true},
		"too little of our id to tell it":    {note: anID[:20], mute: true},
		"other text":                         {note: "vacuum"},
		"another id that was cut short":      {note: "pam-operator/1b5e1c5c-6f0c"},
		"our id cut short, and then a text":  {note: anID[:30] + " x"},
		"our id within a word":               {note: "x" + anID},
		"our id behind a text and in quotes": {note: `vacuum "` + anID + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := NoteIsOf(c.note, anID); got != c.is {
				t.Errorf("is ours: %t", got)
			}
			if got := NoteIsMute(c.note, anID); got != c.mute {
				t.Errorf("does not say: %t", got)
			}
		})
	}
}

func TestNoNoteIsThatOfARequestWithoutAnID(t *testing.T) {
	for _, note := range []string{"", "vacuum", anID} {
		if NoteIsOf(note, "") {
			t.Errorf("%q is", note)
		}
	}
}

func TestAListThatHasShownOneOfOurNotesShowsThatTheServerKeepsThem(t *testing.T) {
	server := NewServer(ServerConfig{Poller: NewPoller(nil)})
	register := server.poller.register
	register.follow(Followed{Object: types.NamespacedName{Name: "session"}, RequestID: anID, SessionID: "1"})
	register.matchNote(nps.Summary{ID: "1", Note: anID[:30]})
	if server.KeepsNotes() {
		t.Error("it cuts them")
	}
	register.matchNote(nps.Summary{ID: "1", Note: anID})
	if !server.KeepsNotes() {
		t.Error("it has shown one")
	}
	register.reset() // another server, perhaps
	if server.KeepsNotes() {
		t.Error("nothing is known of this server")
	}
}
