// SPDX-License-Identifier: Apache-2.0

package fault_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

const answer = "an answer of the appliance"

// bench is an injector in front of an appliance that counts the requests it receives.
type bench struct {
	*fault.Injector
	server  *httptest.Server
	reached atomic.Int32
}

func start(t *testing.T, rules ...fault.Rule) *bench {
	t.Helper()
	b := &bench{Injector: &fault.Injector{}}
	b.server = httptest.NewServer(b.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		b.reached.Add(1)
		_, _ = io.WriteString(w, answer)
	})))
	t.Cleanup(b.server.Close)
	for _, r := range rules {
		if err := b.Set(r); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// post returns status and body, and -1 if the connection was cut before a response began. It never sends twice.
func (b *bench) post(t *testing.T, path string) (int, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.server.URL+path, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.server.Client().Do(r)
	if err != nil {
		return -1, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestFaults(t *testing.T) {
	tests := map[string]struct {
		rule        fault.Rule
		wantStatus  int
		wantBody    string
		wantReached int32
		wantRecord  int // the recorded status
		wantError   bool
	}{
		"no fault that matches": {
			rule: fault.Rule{Method: http.MethodGet}, wantStatus: 200, wantBody: answer, wantReached: 1, wantRecord: 200,
		},
		"a delay alone": {
			rule: fault.Rule{Delay: fault.Duration(time.Nanosecond)}, wantStatus: 200, wantBody: answer, wantReached: 1,
			wantRecord: 200,
		},
		"a foreign answer": {
			rule: fault.Rule{Status: 502, Body: "<html>"}, wantStatus: 502, wantBody: "<html>", wantRecord: 502,
		},
		"cut before the appliance acted": {
			rule: fault.Rule{Drop: fault.DropBefore}, wantStatus: -1, wantError: true,
		},
		"cut after the appliance acted": {
			rule: fault.Rule{Drop: fault.DropAfter}, wantStatus: -1, wantReached: 1, wantError: true,
		},
		"half an answer": {
			rule: fault.Rule{Drop: fault.DropHalf}, wantStatus: 200, wantBody: answer[:len(answer)/2], wantReached: 1,
			wantError: true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.rule.Name = "the rule"
			b := start(t, tt.rule)
			status, body, err := b.post(t, "/a?b=c")
			if status != tt.wantStatus || body != tt.wantBody || (err != nil) != tt.wantError {
				t.Errorf("got %d %q, error %v", status, body, err)
			}
			if got := b.reached.Load(); got != tt.wantReached {
				t.Errorf("the appliance was reached %d times, want %d", got, tt.wantReached)
			}
			want := fault.Call{Method: http.MethodPost, Path: "/a", Query: "b=c", Status: tt.wantRecord, Rule: "the rule"}
			if tt.rule.Method != "" {
				want.Rule = ""
			}
			ignoreTime := cmpopts.IgnoreFields(fault.Call{}, "Time")
			if diff := cmp.Diff([]fault.Call{want}, b.Calls(), ignoreTime); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARequestThatArrivesLate(t *testing.T) {
	arrived := make(chan string, 1)
	injector := &fault.Injector{}
	server := httptest.NewServer(injector.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.Context().Err() != nil {
			t.Errorf("body: %v, context: %v", err, r.Context().Err())
		}
		w.WriteHeader(http.StatusTeapot)
		arrived <- r.Method + " " + r.URL.Path + " " + string(body)
		panic(http.ErrAbortHandler)
	})))
	t.Cleanup(server.Close)
	rule := fault.Rule{Name: "late", Drop: fault.DropLate, Delay: fault.Duration(500 * time.Millisecond)}
	if err := injector.Set(rule); err != nil {
		t.Fatal(err)
	}
	b := &bench{Injector: injector, server: server}
	if status, _, err := b.post(t, "/a"); err == nil || len(arrived) > 0 {
		t.Errorf("answered with %d, arrived before the connection was cut: %t", status, len(arrived) > 0)
	}
	if got := <-arrived; got != "POST /a {}" {
		t.Errorf("arrived as %q", got)
	}
	// It is recorded once the appliance has acted.
	for begun := time.Now(); len(injector.Calls()) == 0 && time.Since(begun) < time.Minute; {
		runtime.Gosched()
	}
	if calls := injector.Calls(); len(calls) != 1 || calls[0].Status != http.StatusTeapot || calls[0].Rule != "late" {
		t.Errorf("record %+v", calls)
	}
}

func TestWhichRequestsARuleHits(t *testing.T) {
	refuse := func(r fault.Rule) fault.Rule { r.Name, r.Status = "the rule", 500; return r }
	tests := map[string]struct {
		rule fault.Rule
		want []int // the statuses of four requests: two of /a, then /a?x=1, then /b
	}{
		"all":                          {fault.Rule{}, []int{500, 500, 500, 500}},
		"one path":                     {fault.Rule{Path: "^/a"}, []int{500, 500, 500, 200}},
		"one query":                    {fault.Rule{Path: `\?x=1$`}, []int{200, 200, 500, 200}},
		"the first only":               {fault.Rule{Times: 1}, []int{500, 200, 200, 200}},
		"one after the first":          {fault.Rule{Skip: 1, Times: 1}, []int{200, 500, 200, 200}},
		"from the third on":            {fault.Rule{Skip: 2}, []int{200, 200, 500, 500}},
		"another method":               {fault.Rule{Method: http.MethodPut}, []int{200, 200, 200, 200}},
		"the second of those that fit": {fault.Rule{Path: "^/a", Skip: 1, Times: 1}, []int{200, 500, 200, 200}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, refuse(tt.rule))
			var got []int
			for _, path := range []string{"/a", "/a", "/a?x=1", "/b"} {
				status, _, _ := b.post(t, path)
				got = append(got, status)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestASpentRuleLeavesRoomForTheNext(t *testing.T) {
	b := start(t, fault.Rule{Name: "first", Status: 500, Times: 1}, fault.Rule{Name: "second", Status: 503, Times: 1})
	var got []int
	for range 3 {
		status, _, _ := b.post(t, "/")
		got = append(got, status)
	}
	if diff := cmp.Diff([]int{500, 503, 200}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

func TestSetReplacesByName(t *testing.T) {
	rule := func(name string, status int) fault.Rule { return fault.Rule{Name: name, Status: status} }
	b := start(t, rule("a", 500), rule("b", 501), rule("a", 502))
	var got []int
	for _, r := range b.Rules() {
		got = append(got, r.Status)
	}
	if diff := cmp.Diff([]int{502, 501}, got); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	b.Remove("a")
	b.Remove("never there")
	if n := len(b.Rules()); n != 1 {
		t.Errorf("%d rules after Remove, want 1", n)
	}
	b.Clear()
	if n := len(b.Rules()); n != 0 {
		t.Errorf("%d rules after Clear", n)
	}
}

func TestWrongRules(t *testing.T) {
	for name, rule := range map[string]fault.Rule{
		"a path that is no regular expression": {Path: "("},
		"a drop that does not exist":           {Drop: "Sometimes"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := new(fault.Injector).Set(rule); err == nil {
				t.Error("the rule was accepted")
			}
		})
	}
}

func TestRecord(t *testing.T) {
	b := start(t)
	seen := make(chan string, 1)
	b.OnRequest(func(r *http.Request) { seen <- r.URL.Path })
	for _, path := range []string{"/a/1", "/a/2", "/b"} {
		_, _, _ = b.post(t, path)
		if got := <-seen; got != path {
			t.Errorf("the hook saw %s, want %s", got, path)
		}
	}
	if got := b.Count(http.MethodPost, "^/a/"); got != 2 {
		t.Errorf("Count: %d, want 2", got)
	}
	if got := b.Count(http.MethodGet, ""); got != 0 {
		t.Errorf("Count of another method: %d, want 0", got)
	}
	b.ResetCalls()
	if n := len(b.Calls()); n != 0 {
		t.Errorf("%d calls after ResetCalls", n)
	}
}

func TestAnApplianceThatGivesUpIsRecorded(t *testing.T) {
	i := &fault.Injector{}
	server := httptest.NewServer(i.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	})))
	t.Cleanup(server.Close)
	b := &bench{Injector: i, server: server}
	if _, _, err := b.post(t, "/"); err == nil {
		t.Fatal("there was a response")
	}
	if calls := i.Calls(); len(calls) != 1 || calls[0].Status != 0 {
		t.Errorf("record: %+v", calls)
	}
}

func TestRuleIsReadFromJSON(t *testing.T) {
	const text = `{"name":"slow","method":"PUT","delay":"20ms","times":2}`
	var got fault.Rule
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	want := fault.Rule{Name: "slow", Method: http.MethodPut, Delay: fault.Duration(20 * time.Millisecond), Times: 2}
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(fault.Rule{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if data, err := json.Marshal(got); err != nil || !strings.Contains(string(data), `"delay":"20ms"`) {
		t.Errorf("written: %s, %v", data, err)
	}
	if err := json.Unmarshal([]byte(`{"delay":"soon"}`), &got); err == nil {
		t.Error("an invalid delay was accepted")
	}
}

func TestAnApplianceMayActBeforeAStatusIsAnswered(t *testing.T) {
	b := start(t, fault.Rule{Name: "acts", Path: "^/a", Status: http.StatusBadRequest, Body: "no", Acts: true},
		fault.Rule{Name: "does not", Path: "^/b", Status: http.StatusBadRequest, Body: "no"})
	for path, reached := range map[string]int32{"/a": 1, "/b": 0} {
		b.reached.Store(0)
		status, body, err := b.post(t, path)
		if status != http.StatusBadRequest || body != "no" || err != nil || b.reached.Load() != reached {
			t.Errorf("%s: %d %q, %v, reached %d times", path, status, body, err, b.reached.Load())
		}
	}
}

func TestAnswersCanBeEdited(t *testing.T) {
	b := start(t)
	b.OnAnswer(func(r *http.Request, body []byte) []byte {
		return []byte(strings.ReplaceAll(string(body), "appliance", r.URL.Path))
	})
	if status, body, err := b.post(t, "/x"); status != http.StatusOK || body != "an answer of the /x" || err != nil {
		t.Errorf("got %d %q, %v", status, body, err)
	}
	b.OnAnswer(nil)
	if _, body, _ := b.post(t, "/x"); body != answer {
		t.Errorf("got %q", body)
	}
}
