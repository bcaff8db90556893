// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// TestASearchIsBlockedOnlyByARecordThatMayBeWhatItLooksFor: half a search proves nothing, but a record that does not
// have the text is of somebody else, however it is written.
func TestASearchIsBlockedOnlyByARecordThatMayBeWhatItLooksFor(t *testing.T) {
	const text = "pam-operator/0b5e1c5c"
	for record, blocks := range map[string]bool{
		`null`:                       false,
		`"x"`:                        false,
		`[]`:                         false,
		`{}`:                         false,
		`{"id":null,"note":"mine"}`:  false,
		`{"note":["mine"]}`:          false,
		`{"id":{},"note":{"a":[1]}}`: false,
		`{"id":[5],"note":"pam-operator/0b5e1c5d/1"}`:                    false,
		`{"id":null,"note":"pam-operator/0b5e1c5c-6f0c/1"}`:              true,
		`{"id":null,"note":"pam-operator\/0b5e1c5c-6f0c\/1 & more"}`:     true,
		`{"id":null,"note":"pam-operator\u002f\u0030b5e1c5c-6f0c"}`:      true,
		`{"session":{"note":"pam-operator/0b5e1c5c-6f0c/1","id":"777"}}`: true,
		`"pam-operator/0b5e1c5c"`:                                        true,
	} {
		t.Run(record, func(t *testing.T) {
			list := fmt.Sprintf(`{"data":[{"id":"777","note":"%s-6f0c"},%s],"recordsTotal":2}`, text, record)
			client := connect(t, newRecorder().on(activeList, reply(http.StatusOK, list)), appUser())
			var skipped []int
			search := Search{Text: text, Skipped: func(position int) { skipped = append(skipped, position) }}
			got, err := client.SearchMine(t.Context(), FilterActive, search, func(s Summary) bool {
				return s.Note != "" || slices.Contains(s.Unread, "note")
			})
			if blocks {
				if answer := rest.As(err); answer == nil || len(skipped) > 0 {
					t.Fatalf("got %v, %v, skipped %v", got, err, skipped)
				}
				return
			}
			if err != nil || len(got) != 1 || got[0].ID != "777" || !slices.Equal(skipped, []int{2}) {
				t.Errorf("got %v, %v, skipped %v", got, err, skipped)
			}
		})
	}
}
