// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"testing"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

const anID = "pam-operator/0b5e1c5c-6f0c-4f0e-9d5e-5f1d0c6f7a01/1"

func TestWhoseANoteIs(t *testing.T) {
	for name, c := range map[string]struct {
		note            string
		is, mute, isCut bool
		limit           int
	}{
		"the id alone":                     {note: anID, is: true},
		"the id before the author's text":  {note: anID + ` requested by alice: "vacuum"`, is: true},
		"the id behind it, as it once was": {note: "vacuum requested by alice " + anID, is: true},
		"another id before ours":           {note: `pam-operator/other/1 "` + anID + `"`},
		"another id before ours, unquoted": {note: "pam-operator/other/1 " + anID},
		"a longer id":                      {note: anID + "2"},
		"nothing":                          {mute: true},
		"blanks":                           {note: "  ", mute: true},
		"our id cut short":                 {note: anID[:30], mute: true, isCut: true},
		"too little of our id to tell it":  {note: anID[:18], mute: true},
		"too little of our id, at a server that leaves so much":     {note: anID[:18], limit: 18, mute: true, isCut: true},
		"too little of our id, at a server that leaves more":        {note: anID[:18], limit: 19, mute: true},
		"too little of another id, at a server that leaves so much": {note: "pam-operator/1b5e1", limit: 18},
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
			if got := NoteIsCutFrom(c.note, anID, c.limit); got != c.isCut {
				t.Errorf("was cut: %t", got)
			}
		})
	}
}

func TestWhatAServerDoesWithNotesIsLearnedFromItsAnswers(t *testing.T) {
	type seen struct{ sent, kept string }
	long := anID + ` requested by alice: "vacuum"`
	for name, c := range map[string]struct {
		seen  []seen
		want  notes
		loses bool
	}{
		"nothing is known":                {},
		"a note that came back":           {seen: []seen{{long, long}}, want: notes{handling: pamv1alpha1.NotesKept}},
		"one that came back without ends": {seen: []seen{{long + " ", long}}, want: notes{handling: pamv1alpha1.NotesKept}},
		"one that is missing": {
			seen: []seen{{long, ""}}, want: notes{handling: pamv1alpha1.NotesDropped}, loses: true,
		},
		"one that is missing, at a server that kept one": {
			seen: []seen{{long, long}, {long, ""}}, want: notes{handling: pamv1alpha1.NotesKept},
		},
		"one that came back, at a server that seemed to drop them": {
			seen: []seen{{long, ""}, {long, long}}, want: notes{handling: pamv1alpha1.NotesKept},
		},
		"one that was cut behind the id": {
			seen: []seen{{long, long[:60]}}, want: notes{pamv1alpha1.NotesTruncated, 60},
		},
		"one that was cut within the id": {
			seen: []seen{{long, long[:20]}}, want: notes{pamv1alpha1.NotesTruncated, 20}, loses: true,
		},
		"a short one that came back, at a server that cuts long ones": {
			seen: []seen{{long, long[:60]}, {anID, anID}}, want: notes{pamv1alpha1.NotesTruncated, 60},
		},
		"a long one that came back, at a server that cut a shorter one": {
			seen: []seen{{long, long[:60]}, {long, long}}, want: notes{handling: pamv1alpha1.NotesKept},
		},
		"another text":           {seen: []seen{{long, "edited by an administrator"}}},
		"nothing that was asked": {seen: []seen{{"", ""}}},
	} {
		t.Run(name, func(t *testing.T) {
			var got notes
			for _, s := range c.seen {
				got.learn(s.sent, s.kept)
			}
			if got != c.want || got.loses(anID) != c.loses {
				t.Errorf("got %+v, loses %t; want %+v, %t", got, got.loses(anID), c.want, c.loses)
			}
		})
	}
}

func TestWhatWasLearnedSurvivesTheProcess(t *testing.T) {
	status := &pamv1alpha1.NPSConnectionStatus{NoteHandling: pamv1alpha1.NotesTruncated, NoteLimit: new(int32(20))}
	next := NewServer(ServerConfig{Poller: NewPoller(nil)})
	next.Recall(status)
	if handling, limit := next.NoteHandling(); handling != status.NoteHandling || *limit != 20 || !next.LosesNotes(anID) {
		t.Errorf("got %s, limit %d", handling, *limit)
	}
	next.Learn(anID, anID)
	next.Recall(status)
	if handling, limit := next.NoteHandling(); handling != pamv1alpha1.NotesKept || limit != nil || next.LosesNotes(anID) {
		t.Errorf("an older process knows better: %s", handling)
	}
	listed := NewServer(ServerConfig{Poller: NewPoller(nil)})
	listed.Recall(&pamv1alpha1.NPSConnectionStatus{NoteHandling: pamv1alpha1.NotesDropped})
	listed.poller.register.noted = true
	if handling, _ := listed.NoteHandling(); handling != pamv1alpha1.NotesKept || listed.LosesNotes(anID) {
		t.Errorf("a list has shown a note, and the server is said to have it %s", handling)
	}
}
