// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// metered returns a client whose answers are counted, and their share.
func metered(t *testing.T, server *recorder, maxAnswer int64) (*Client, *rest.Share) {
	t.Helper()
	share := (*rest.Budget)(nil).Share("", maxAnswer, "spec.limits.maxResponseSize")
	client, err := newClient(Config{URL: "https://nps.example.com:6500", Auth: appUser(), Memory: share}, server)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client, share
}

const activeList = "GET " + sessionPath + "/MySummaryByStatus/Active"

// pages answers with the nth page of a list.
func pages(page func(n int) (first, count, total int)) http.HandlerFunc {
	n := 0
	return func(w http.ResponseWriter, _ *http.Request) {
		first, count, total := page(n)
		n++
		data := make([]map[string]any, 0, count)
		for i := range count {
			data = append(data, map[string]any{"id": strconv.Itoa(first + i), "sessionStatus": 1, "note": "n"})
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"data": data, "recordsTotal": total})
	}
}

func TestListsWithoutEnd(t *testing.T) {
	tests := map[string]struct {
		handler http.HandlerFunc
		words   string
		most    int // pages
	}{
		"ever new sessions of a great many": {
			handler: pages(func(n int) (int, int, int) { return n * 100, 100, 1 << 40 }),
			words:   "more than can be searched", most: 1,
		},
		"ever new sessions, and one more to come": {
			handler: pages(func(n int) (int, int, int) { return n * 100, 100, (n + 2) * 100 }), words: "keeps growing", most: 20,
		},
		"the same page again and again": {
			handler: pages(func(int) (int, int, int) { return 0, 100, 1000 }), words: "repeats itself", most: 2,
		},
		"one session endlessly": {
			handler: pages(func(int) (int, int, int) { return 0, 1, 500 }), words: "repeats itself", most: 2,
		},
		"sessions without an id": {
			handler: reply(http.StatusOK, `{"data":[{"sessionStatus":1}],"recordsTotal":500}`), words: "no valid IDs", most: 1,
		},
		"one page with more than fits": {
			handler: pages(func(int) (int, int, int) { return 0, 100_000, 100_000 }),
			words:   "spec.limits.maxResponseSize", most: 1,
		},
		"a note with more than fits": {
			handler: reply(http.StatusOK, `{"data":[{"id":"1","note":"`+strings.Repeat("x", 5<<20)+`"}],"recordsTotal":1}`),
			words:   "larger than", most: 1,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on(activeList, tt.handler)
			client, share := metered(t, server, 8<<20)
			_, err := client.ListMine(t.Context(), FilterActive, "")
			if err == nil || rest.As(err) == nil || !strings.Contains(err.Error(), tt.words) {
				t.Fatalf("got %.200v", err)
			}
			if calls := len(server.seen()) - 1; calls > tt.most { // one for the log-in
				t.Errorf("%d pages were read", calls)
			}
			if used := share.Used(); used != 0 {
				t.Errorf("%d bytes stay counted", used)
			}
		})
	}
}

// Years of sessions are read, but only the wanted ones are ever in memory.
func TestSearchMineKeepsWhatIsWanted(t *testing.T) {
	const total = 20_000
	server := newRecorder().on(activeList, pages(func(n int) (int, int, int) { return n * 100, 100, total }))
	client, _ := metered(t, server, 4<<20)
	if _, err := client.ListMine(t.Context(), FilterActive, ""); !rest.IsTooLarge(err) {
		t.Errorf("all of them fit: %v", err)
	}
	server = newRecorder().on(activeList, pages(func(n int) (int, int, int) { return n * 100, 100, total }))
	client, share := metered(t, server, 4<<20)
	got, err := client.SearchMine(t.Context(), FilterActive, Search{}, func(s Summary) bool { return s.ID == "777" })
	if err != nil || len(got) != 1 || got[0].ID != "777" {
		t.Errorf("got %v, %v", got, err)
	}
	if used := share.Used(); used != 0 {
		t.Errorf("%d bytes stay counted", used)
	}
}

// Decoded lists of empty objects take a hundred times the memory of their text.
func TestListsOfNothingTakeNoMemory(t *testing.T) {
	const id = "b9fc22e3-0000-4000-8000-000000000001"
	nothing := "[{}" + strings.Repeat(",{}", 1_000_000) + "]"
	server := newRecorder().on("GET "+sessionPath+"/"+id, reply(200, `{"id":"`+id+`","proxySessions":`+nothing+`}`)).
		on("GET "+sessionPath+"/"+id+"/Log", reply(200, `{"lines":`+nothing+`}`))
	client, _ := metered(t, server, 16<<20)
	if _, err := client.Version(t.Context()); err != nil { // signs in
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := client.Get(t.Context(), id); err != nil {
		t.Error(err)
	}
	lines, err := client.Log(t.Context(), id, LogLevelAny, 5)
	if err != nil || len(lines) != 5 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 128<<20 {
		t.Errorf("%d MiB were allocated", got>>20)
	}
}

// hostile returns an object whose members are all something that a server should not send.
func hostile(text string, number int, when string) map[string]any {
	out := map[string]any{}
	fill(reflect.TypeFor[Session](), out, text, number, when)
	return out
}

func fill(typ reflect.Type, out map[string]any, text string, number int, when string) {
	for field := range fieldsOf(typ) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		switch of := field.Type; {
		case of == reflect.TypeFor[Time]():
			out[name] = when
		case of == reflect.TypeFor[json.RawMessage]():
			out[name] = []any{map[string]any{"id": text, "type": text}}
		case of.Kind() == reflect.String:
			out[name] = text
		case of.Kind() == reflect.Int:
			out[name] = number
		case of.Kind() == reflect.Pointer:
			within := map[string]any{}
			fill(of.Elem(), within, text, number, when)
			out[name] = within
		}
	}
}

func fieldsOf(typ reflect.Type) func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		for i := range typ.NumField() {
			if !yield(typ.Field(i)) {
				return
			}
		}
	}
}

// Whatever a server sends about a session, the client's result is small, or an error.
func TestEverythingThatASessionHasIsBounded(t *testing.T) {
	const id = "b9fc22e3-0000-4000-8000-000000000001"
	long := strings.Repeat("x", 100_000)
	body := hostile(long, 1<<62, "2026-01-02T03:04:05Z")
	body["id"] = id
	body["managedResource"], body["activity"] = map[string]any{"name": long}, map[string]any{"name": long}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	short := strings.Replace(string(text), `"status":`, `"sessionStatus":`, 1)
	server := newRecorder().on("GET "+sessionPath+"/"+id, reply(200, string(text))).
		on(activeList, reply(200, `{"data":[`+short+`],"recordsTotal":1}`))
	client := connect(t, server, appUser())
	session, err := client.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if kept, _ := json.Marshal(session); len(kept) > 40_000 {
		t.Errorf("%d bytes are kept of a session", len(kept))
	}
	if session.ExtensionMinutes > maxMinutes || session.Profile.MaxSessionLength > maxMinutes {
		t.Error("numbers are not bounded")
	}
	list, err := client.ListMine(t.Context(), FilterActive, "")
	if err != nil {
		t.Fatal(err)
	}
	if size := list[0].size(); size > 40_000 {
		t.Errorf("%d bytes are kept of a summary", size)
	}
	if !strings.HasSuffix(list[0].Note, "x") || len(list[0].Note) != maxNote {
		t.Error("of a note its end counts")
	}
}

func TestIdsThatCannotBeStored(t *testing.T) {
	const id = "b9fc22e3-0000-4000-8000-000000000001"
	for name, body := range map[string]string{
		"a long id":                  `{"id":"` + strings.Repeat("x", 65) + `"}`,
		"an id with control letters": `{"id":"a\u0000b"}`,
		"no id":                      `{"note":"x"}`,
		"no object":                  `["` + id + `"]`,
	} {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on("GET "+sessionPath+"/"+id, reply(200, body)).on("POST "+sessionPath, reply(201, body))
			client := connect(t, server, appUser())
			if _, err := client.Get(t.Context(), id); !errors.Is(err, rest.ErrMalformedAnswer) {
				t.Errorf("got %v", err)
			}
			_, err := client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
			if !rest.IsOutcomeUnknown(err) {
				t.Errorf("a session may have been made, and the error says %v", err)
			}
		})
	}
}

func TestTimesThatCannotBeStored(t *testing.T) {
	for _, text := range []string{`"9999-12-31T23:59:59-14:00"`, `"0000-01-01T00:00:00+14:00"`, `"9999-12-31T00:00:00Z"`} {
		var got Time
		if err := json.Unmarshal([]byte(text), &got); err == nil {
			t.Errorf("%s is %s", text, got)
		}
	}
}

// An answer that is not from the API may come from any server in the operator's network.
func TestForeignAnswersAreNotShown(t *testing.T) {
	const secret = "root:x:0:0"
	for name, body := range map[string]string{
		"a text": secret, "a page": "<html><title>" + secret + "</title>" + secret, "a JSON text": quoted(secret),
		"an API server's status": `{"kind":"Status","status":"Failure","message":"` + secret + `","reason":"` + secret + `"}`,
		"a list":                 `["` + secret + `"]`,
	} {
		for _, status := range []int{400, 401, 403, 404, 500, 503} {
			server := newRecorder().on("GET /api/v1/Version", func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("WWW-Authenticate", secret)
				reply(status, body)(w, r)
			})
			_, err := connect(t, server, appUser()).Version(t.Context())
			if err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("%s, %d: %v", name, status, err)
			}
		}
	}
}

// The reason of a refused log-in is derived from keywords that are not shown themselves.
func TestARefusalInPlainWordsIsUnderstood(t *testing.T) {
	server := newRecorder().on("POST /signinBody", reply(http.StatusForbidden, "Your account LAB\\svc is LOCKED OUT."))
	_, err := connect(t, server, totpUser()).Version(t.Context())
	refusal, ok := errors.AsType[*CredentialsError](err)
	if !ok || refusal.Reason != ReasonAccountLocked || strings.Contains(err.Error(), `LAB\svc`) {
		t.Errorf("got %v", err)
	}
}

func TestUsedCodesAreForgotten(t *testing.T) {
	var used UsedCodes
	begun := time.Now()
	for i := range 1000 {
		used.use([32]byte{byte(i), byte(i >> 8)}, 1, begun)
	}
	if used.use([32]byte{1}, 1, begun.Add(time.Hour)) {
		t.Error("a code is given away twice")
	}
	used.use([32]byte{0xff, 0xff}, 1, begun.Add(25*time.Hour))
	if n := len(used.last); n != 1 {
		t.Errorf("%d codes are remembered", n)
	}
}

// FuzzAnswers decodes arbitrary answers of a server.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"data":[{"id":"1","sessionStatus":1}],"recordsTotal":1}`, `{"id":"1","status":1,"proxySessions":[{}]}`,
		`{"lines":[{"logMessage":"a"}]}`, `{"title":"a","errors":{"b":["c"]}}`, `"25.12.1"`, "null", "[", "<html>",
		"full address:s:h:1\r\nusername:s:u", "\xff\xfef\x00u\x00", "ssh://a@b:1", "2026-01-02T03:04:05.1234567Z",
	} {
		f.Add([]byte(seed), 200)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		server := newRecorder()
		answer := func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(min(max(status, 200), 599))
			_, _ = w.Write(body)
		}
		const id = "1"
		for _, route := range []string{
			activeList, "GET " + sessionPath + "/" + id, "GET " + sessionPath + "/" + id + "/Log",
			"GET " + sessionPath + "/Rdp/1", "GET " + sessionPath + "/Ssh/1",
			"GET " + sessionPath + "/" + id + "/Password", "GET /api/v1/Version",
		} {
			server.on(route, answer)
		}
		client, share := metered(t, server, 1<<20)
		session, err := client.Get(t.Context(), id)
		if err == nil && !rest.IsIdentifier(session.ID, maxID) {
			t.Errorf("%q is no id", session.ID)
		}
		_, list := client.ListMine(t.Context(), FilterActive, "")
		_, log := client.Log(t.Context(), id, LogLevelAny, 3)
		_, version := client.Version(t.Context())
		file, rdp := client.RDPFile(t.Context(), id)
		_, _ = ParseRDPFile(file)
		url, ssh := client.SSHURL(t.Context(), id)
		_, _ = ParseSSHURL(url)
		for _, err := range []error{err, list, log, version, rdp, ssh} {
			if err != nil && (rest.As(err) == nil || len(err.Error()) > 2500) {
				t.Errorf("%s", fmt.Sprintf("%.3000v is no error of a call, or too long", err))
			}
		}
		if share.Used() != 0 {
			t.Errorf("%d bytes stay counted", share.Used())
		}
	})
}
