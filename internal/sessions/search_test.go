// SPDX-License-Identifier: Apache-2.0

package sessions

import (
	"bytes"
	"net/http"
	"regexp"
	"strings"
	"testing"

	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// lists edits the answers that are lists with this in their path.
func lists(path string, edit func(body []byte) []byte) func(*http.Request, []byte) []byte {
	return func(r *http.Request, body []byte) []byte {
		if strings.Contains(r.URL.Path, "MySummaryByStatus/"+path) {
			return edit(body)
		}
		return body
	}
}

var (
	idMember   = regexp.MustCompile(`"id":"[^"]*"`)
	noteMember = regexp.MustCompile(`"note":("[^"]*")`)
)

func TestOneSessionIsFoundOnceThoughListsWriteItsIdInOtherLetters(t *testing.T) {
	simulated, server := lab(t, simnps.Options{})
	id := ask(t.Context(), t, server, anID)
	simulated.Faults().OnAnswer(lists("Active", func(body []byte) []byte {
		if err := simulated.SetStatus(id, simnps.Complete); err != nil { // it moves on, and is met again in another list
			t.Error(err)
		}
		return idMember.ReplaceAllFunc(body, func(member []byte) []byte {
			return append([]byte(`"id"`), bytes.ToUpper(member[4:])...)
		})
	}))
	if err := simulated.SetStatus(id, simnps.Active); err != nil {
		t.Fatal(err)
	}
	found, err := server.FindByNote(t.Context(), anID)
	if err != nil || len(found) != 1 || !strings.EqualFold(found[0].ID, id) {
		t.Errorf("found %v, %v: it would be ended as a duplicate", found, err)
	}
}

func TestANoteThatAListWritesOddlyIsReadFromTheSession(t *testing.T) {
	simulated, server := lab(t, simnps.Options{})
	id := ask(t.Context(), t, server, anID)
	ask(t.Context(), t, server, anID+"2")
	simulated.Faults().OnAnswer(lists("", func(body []byte) []byte {
		return noteMember.ReplaceAll(body, []byte(`"note":[$1]`))
	}))
	found, err := server.FindByNote(t.Context(), anID)
	if err != nil || len(found) != 1 || found[0].ID != id {
		t.Errorf("found %v, %v", found, err)
	}
}
