// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// goodSession is a session as the server writes it, and goodSummary one of a list.
const (
	goodSession = `{"id":"` + testID + `","status":1,"statusDescription":"Activity session  started.",
		"createdDateTimeUtc":"2026-11-25T12:00:00Z","scheduledStartDateTimeUtc":"2026-11-25T12:00:01Z",
		"scheduledEndDateTimeUtc":"2026-11-25T13:00:00Z","actualStartDateTimeUtc":"2026-11-25T12:00:02Z",
		"actualEndDateTimeUtc":null,"activityId":"df059c1b","activity":{"id":"df059c1b","name":"Linux root",
		"activityType":0,"platformId":"43a54a6d-1ba3-4b98-a2eb-552e03c60766"},"managedResourceId":"e0","managedResource":
		{"id":"e0","name":"db1","platformId":"43a54a6d-1ba3-4b98-a2eb-552e03c60766"},"accessControlPolicyId":"57bcb5e7",
		"activityConfiguration":{"maxSessionLength":60,"allowSessionExtension":true,"sessionExtensionMinutes":30},
		"loginAccountName":"svc","locked":false,"note":"pam-operator/u/1","ticket":"T1","cancelledBy":"c",
		"proxySessions":[{"id":"p","type":"SSH","active":true}],"allowSessionExtension":true,"sessionExtensionCount":2,
		"sessionExtensionMinutes":30,"customFields":[]}`
	goodSummary = `{"id":"` + testID + `","sessionStatus":1,"sessionStatusDescription":"started","locked":false,
		"createdDateTimeUtc":"2026-11-25T12:00:00Z","startDateTimeUtc":"2026-11-25T12:00:01Z",
		"endDateTimeUtc":"2026-11-25T13:00:00Z","actualStartDateTimeUtc":"2026-11-25T12:00:02Z","activityId":"df059c1b",
		"activityName":"Linux root","activityType":0,"managedResourceId":"e0","managedResourceName":"db1",
		"platformId":"43a54a6d-1ba3-4b98-a2eb-552e03c60766","note":"pam-operator/u/1","ticket":"T1","status":2,
		"allowSessionExtension":true,"sessionExtensionCount":2,"sessionExtensionMinutes":30}`
)

// damage is what may happen to one member.
var damage = []string{
	"null", `""`, `"garbage"`, `"25.11.2026 12:00"`, "0", "-1", "1.5", "1e400", "true", "{}", "[]", `{"a":{"b":[1]}}`,
	`[null,1]`,
}

func members(t *testing.T, object string) map[string]json.RawMessage {
	t.Helper()
	var out map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func encoded(object map[string]json.RawMessage) string {
	parts := make([]string, 0, len(object))
	for _, name := range slices.Sorted(maps.Keys(object)) {
		parts = append(parts, fmt.Sprintf("%q:%s", name, object[name]))
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// TestOneMemberThatCannotBeReadCostsThatMemberAlone damages each member in every way, and decodes all others.
func TestOneMemberThatCannotBeReadCostsThatMemberAlone(t *testing.T) {
	read := func(object map[string]json.RawMessage) Session {
		var out Session
		if err := json.Unmarshal([]byte(encoded(object)), &out); err != nil {
			t.Fatal(err)
		}
		return out
	}
	good := members(t, goodSession)
	want := read(good)
	if want.Unread != nil || want.ID != testID || want.Profile.MaxSessionLength != 60 {
		t.Fatalf("the good one is not read: %+v", want)
	}
	for name := range good {
		for _, value := range append(damage, "") {
			bad := maps.Clone(good)
			if bad[name] = json.RawMessage(value); value == "" {
				delete(bad, name)
			}
			got := read(bad)
			got.Unread = nil
			// The damaged member itself is put back; everything else must be there.
			restored, _ := json.Marshal(map[string]json.RawMessage{name: good[name]})
			type wire Session
			whole := wire(got)
			if err := json.Unmarshal(restored, &whole); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, Session(whole)); diff != "" {
				t.Errorf("%s as %q costs more than itself:\n%s", name, value, diff)
			}
		}
	}
}

func TestDecodersNeverFailOnAnyJSON(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		object := members(t, rapid.SampledFrom([]string{goodSession, goodSummary}).Draw(rt, "of"))
		names := slices.Sorted(maps.Keys(object))
		for range rapid.IntRange(1, 5).Draw(rt, "damages") {
			name := rapid.SampledFrom(names).Draw(rt, "member")
			object[name] = json.RawMessage(rapid.SampledFrom(damage).Draw(rt, "value"))
		}
		var (
			session Session
			summary Summary
		)
		if err := json.Unmarshal([]byte(encoded(object)), &session); err != nil {
			rt.Fatal(err)
		}
		if err := json.Unmarshal([]byte(encoded(object)), &summary); err != nil {
			rt.Fatal(err)
		}
		if id := string(object["id"]); id == quoted(testID) && (!session.bound() || !summary.bound()) {
			rt.Fatal("a session whose id can be read is lost")
		}
	})
}

func TestNumbersAndTextsInEachOthersForm(t *testing.T) {
	got := Session{}
	const odd = `{"ID":"` + testID + `","Status":"1","sessionExtensionCount":"2","sessionExtensionMinutes":30.0,
		"allowSessionExtension":"True","locked":0,"note":17,"ticket":4711,"activityConfiguration":{"maxSessionLength":"60"}}`
	if err := json.Unmarshal([]byte(odd), &got); err != nil {
		t.Fatal(err)
	}
	want := Session{
		ID: testID, Status: StatusActive, ExtensionCount: 2, ExtensionMinutes: 30, AllowExtension: true, Note: "17",
		Ticket: "4711", Profile: &Profile{MaxSessionLength: 60},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestOneBrokenItemHidesNoOther(t *testing.T) {
	for name, broken := range map[string]string{
		"without an id": `{"sessionStatus":1,"note":"x"}`, "with an id that is none": `{"id":{"a":1}}`, "null": "null",
		"a text": `"x"`, "a list": `[1]`, "with a long id": `{"id":"` + strings.Repeat("x", 65) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			list := `{"data":[` + broken + `,` + goodSummary + `,` + broken + `],"recordsTotal":3}`
			client := connect(t, newRecorder().on(activeList, reply(http.StatusOK, list)), appUser())
			got, err := client.ListMine(t.Context(), FilterActive, "")
			if err != nil || len(got) != 1 || got[0].ID != testID {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
	t.Run("but one that was looked for", func(t *testing.T) {
		list := `{"data":[{"note":"wanted"}],"recordsTotal":1}`
		client := connect(t, newRecorder().on(activeList, reply(http.StatusOK, list)), appUser())
		_, err := client.SearchMine(t.Context(), FilterActive, Search{Text: "wanted"},
			func(s Summary) bool { return s.Note == "wanted" })
		if err == nil {
			t.Error("an existing session that cannot be decoded is taken for a missing one")
		}
	})
}

func TestASessionThatDoesNotRepeatItsIdIsTheOneThatWasAskedFor(t *testing.T) {
	for name, id := range map[string]string{"null": "null", "a number": "[1]", "missing": ""} {
		t.Run(name, func(t *testing.T) {
			object := members(t, goodSession)
			if object["id"] = json.RawMessage(id); id == "" {
				delete(object, "id")
			}
			server := newRecorder().on("GET "+sessionPath+"/"+testID, reply(http.StatusOK, encoded(object)))
			got, err := connect(t, server, appUser()).Get(t.Context(), testID)
			if err != nil || got.ID != testID || got.Status != StatusActive {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

// TestTheClockIsReadOffGoodAnswers also covers answers whose Date must be ignored.
func TestTheClockIsReadOffGoodAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		status int
		age    string
		want   time.Duration
	}{
		"a good answer":                         {http.StatusOK, "", 2 * time.Hour},
		"an answer that was kept on its way":    {http.StatusOK, "30", 0},
		"a gateway that stands before it":       {http.StatusBadGateway, "", 0},
		"a page that is not of the server, say": {http.StatusForbidden, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on("GET /api/v1/Version", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", time.Now().Add(2*time.Hour).UTC().Format(http.TimeFormat))
				if tt.age != "" {
					w.Header().Set("Age", tt.age)
				}
				w.WriteHeader(tt.status)
				_, _ = w.Write([]byte(`"25.12.0"`))
			})
			client := connect(t, server, appUser())
			_, _ = client.Version(t.Context())
			now := time.Now()
			if got := client.ServerTime(now).Sub(now); (got - tt.want).Abs() > 3*time.Second {
				t.Errorf("it is %s ahead, want %s", got, tt.want)
			}
		})
	}
}

func TestTheClockDoesNotWaver(t *testing.T) {
	var c Clock
	if _, known := c.Ahead(); known {
		t.Error("no reading of the clock")
	}
	c.Recall(time.Hour)
	for _, step := range []struct{ read, want time.Duration }{
		{time.Hour - time.Second, time.Hour}, {time.Hour + 2*time.Second, time.Hour}, {0, 0}, {time.Second, 0},
		{-400 * time.Second, -400 * time.Second},
	} {
		c.read(step.read)
		c.Recall(5 * time.Hour) // the server's own reading wins
		if got, known := c.Ahead(); got != step.want || !known {
			t.Errorf("after %s: %s, %t, want %s", step.read, got, known, step.want)
		}
	}
}
