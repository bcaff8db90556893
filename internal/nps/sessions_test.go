// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	testID      = "b9fc22e3-7f30-4f81-b3cf-b17e5fcfd76c"
	sessionPath = "/api/v1/ActivitySession"
)

// TestCalls pins what each method sends and how it reads a good answer.
func TestCalls(t *testing.T) {
	moment := Time{time.Date(2025, 1, 1, 10, 0, 0, 0, time.UTC)}
	tests := map[string]struct {
		call   func(context.Context, *Client) (any, error)
		route  string
		answer string
		sent   call
		want   any
	}{
		"Version cuts the version out of the answer": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Version(ctx) },
			route:  "GET /api/v1/Version",
			answer: `"25.12.00002-rc1"`,
			sent:   call{Method: "GET", Target: "/api/v1/Version"},
			want:   "25.12.00002",
		},
		"Create sends what is set and nothing else": {
			call: func(ctx context.Context, c *Client) (any, error) {
				return c.Create(ctx, CreateRequest{ActivityName: "Linux root", ManagedResourceName: "db1.example.com"})
			},
			route:  "POST " + sessionPath,
			answer: `{"id":"` + testID + `","status":0}`,
			sent: call{
				Method: "POST", Target: sessionPath, ContentType: "application/json",
				Body: `{"activityName":"Linux root","managedResourceName":"db1.example.com"}`,
			},
			want: Session{ID: testID, Status: StatusPending},
		},
		"Get escapes the id": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Get(ctx, "a/b") },
			route:  "GET " + sessionPath + "/a/b",
			answer: `{"id":"a/b","status":"active","scheduledEndDateTimeUtc":"2025-01-01T10:00:00","statusDescription":null}`,
			sent:   call{Method: "GET", Target: sessionPath + "/a%2Fb"},
			want:   Session{ID: "a/b", Status: StatusActive, ScheduledEnd: moment},
		},
		"End deletes": {
			call:  func(ctx context.Context, c *Client) (any, error) { return nil, c.End(ctx, testID) },
			route: "DELETE " + sessionPath + "/" + testID,
			sent:  call{Method: "DELETE", Target: sessionPath + "/" + testID},
		},
		"Extend sends a bare integer": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Extend(ctx, testID, 30) },
			route:  "POST " + sessionPath + "/" + testID + "/Extend",
			answer: `{"id":"` + testID + `","status":1,"scheduledEndDateTimeUtc":"2025-01-01T10:00:00.0000000Z"}`,
			sent: call{
				Method: "POST", Target: sessionPath + "/" + testID + "/Extend",
				ContentType: "application/json", Body: "30",
			},
			want: Session{ID: testID, Status: StatusActive, ScheduledEnd: moment},
		},
		"RDPFile decodes a JSON string": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.RDPFile(ctx, testID) },
			route:  "GET " + sessionPath + "/Rdp/" + testID,
			answer: `"full address:s:a\r\nserver port:i:4489"`,
			sent:   call{Method: "GET", Target: sessionPath + "/Rdp/" + testID},
			want:   []byte("full address:s:a\r\nserver port:i:4489"),
		},
		"SSHURL takes bare text": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.SSHURL(ctx, testID) },
			route:  "GET " + sessionPath + "/Ssh/" + testID,
			answer: "ssh://u@h:4422\n",
			sent:   call{Method: "GET", Target: sessionPath + "/Ssh/" + testID},
			want:   "ssh://u@h:4422",
		},
		"CanViewPassword reads a boolean": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.CanViewPassword(ctx, testID) },
			route:  "GET " + sessionPath + "/" + testID + "/CanViewPassword",
			answer: "true",
			sent:   call{Method: "GET", Target: sessionPath + "/" + testID + "/CanViewPassword"},
			want:   true,
		},
		"Password keeps every blank of a bare password": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Password(ctx, testID) },
			route:  "GET " + sessionPath + "/" + testID + "/Password",
			answer: " pw ",
			sent: call{
				Method: "GET", Target: sessionPath + "/" + testID + "/Password", Accept: "text/plain, application/json",
			},
			want: " pw ",
		},
		"Log asks for the newest lines of a level": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Log(ctx, testID, LogLevelError, 20) },
			route:  "GET " + sessionPath + "/" + testID + "/Log",
			answer: `{"lines":[{"status":3,"logMessage":"no route","lineNumber":7,"timestamp":"2025-01-01T10:00:00Z"}]}`,
			sent: call{
				Method: "GET",
				Target: sessionPath + "/" + testID + "/Log?logLevel=Error&orderDescending=true&take=20",
			},
			want: []LogLine{{Level: LogLevelError, Message: "no route", Number: 7, Time: moment}},
		},
		"Log without a level filters nothing": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Log(ctx, testID, LogLevelAny, 5) },
			route:  "GET " + sessionPath + "/" + testID + "/Log",
			answer: `{"lines":null}`,
			sent:   call{Method: "GET", Target: sessionPath + "/" + testID + "/Log?orderDescending=true&take=5"},
			want:   []LogLine(nil),
		},
		"Platform reads a platform": {
			call:   func(ctx context.Context, c *Client) (any, error) { return c.Platform(ctx, "77") },
			route:  "GET /api/v1/Platform/77",
			answer: `{"id":"77","name":"My Windows","basePlatformId":"D07C4352-EA1A-44A2-8FE8-6F198EC1119F"}`,
			sent:   call{Method: "GET", Target: "/api/v1/Platform/77"},
			want:   Platform{ID: "77", Name: "My Windows", BasePlatformID: "D07C4352-EA1A-44A2-8FE8-6F198EC1119F"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on(tt.route, reply(http.StatusOK, tt.answer))
			got, err := tt.call(t.Context(), connect(t, server, appUser()))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			sent := server.last()
			if sent.Authorization == "" {
				t.Error("the call had no token")
			}
			sent.Authorization = ""
			if tt.sent.Accept == "" {
				tt.sent.Accept = "application/json"
			}
			if diff := cmp.Diff(tt.sent, sent); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswersThatMakeNoSense(t *testing.T) {
	tests := map[string]struct {
		answer string
		call   func(context.Context, *Client) error
	}{
		"a version that is a page": {
			answer: "<html>login</html>",
			call:   func(ctx context.Context, c *Client) error { _, err := c.Version(ctx); return err },
		},
		"a session that is null": {
			answer: "null",
			call:   func(ctx context.Context, c *Client) error { _, err := c.Get(ctx, testID); return err },
		},
		"an RDP file that is empty": {
			answer: `""`,
			call:   func(ctx context.Context, c *Client) error { _, err := c.RDPFile(ctx, testID); return err },
		},
		"a password that is empty": {
			answer: "",
			call:   func(ctx context.Context, c *Client) error { _, err := c.Password(ctx, testID); return err },
		},
		"a permission that is a text": {
			answer: "perhaps",
			call:   func(ctx context.Context, c *Client) error { _, err := c.CanViewPassword(ctx, testID); return err },
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder()
			for _, path := range []string{
				"/api/v1/Version", sessionPath + "/" + testID, sessionPath + "/Rdp/" + testID,
				sessionPath + "/" + testID + "/Password", sessionPath + "/" + testID + "/CanViewPassword",
			} {
				server.on("GET "+path, reply(http.StatusOK, tt.answer))
			}
			err := tt.call(t.Context(), connect(t, server, appUser()))
			e := rest.As(err)
			if e == nil || e.Err != rest.ErrMalformedAnswer { //nolint:errorlint // must be the cause itself
				t.Errorf("got %v, want a malformed answer", err)
			}
			if rest.IsRejected(err) || rest.IsUnauthorized(err) {
				t.Errorf("%v counts as final", err)
			}
		})
	}
}

func TestCreateFindsTheID(t *testing.T) {
	location := func(value string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", value)
			w.WriteHeader(http.StatusCreated)
		}
	}
	tests := map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"in the body":                    {reply(http.StatusCreated, `{"id":"`+testID+`"}`), testID},
		"in the body of a 200":           {reply(http.StatusOK, `{"id":"`+testID+`"}`), testID},
		"in the location if body is bad": {location("https://h/11111111-2222-3333-4444-555555555555/" + testID), testID},
		"nowhere":                        {reply(http.StatusCreated, `{}`), ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			client := connect(t, newRecorder().on("POST "+sessionPath, tt.handler), appUser())
			got, err := client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceID: "r"})
			if got.ID != tt.want {
				t.Errorf("id %q, want %q", got.ID, tt.want)
			}
			if (err != nil) != (tt.want == "") {
				t.Errorf("error %v", err)
			}
			if err != nil && !rest.IsOutcomeUnknown(err) {
				t.Errorf("the session exists, yet the outcome counts as known: %v", err)
			}
		})
	}
}

func TestEndIsAboutTheResultNotTheAnswer(t *testing.T) {
	tests := map[string]struct {
		status  int
		body    string
		session http.HandlerFunc
		wantErr bool
	}{
		"accepted":                           {status: 202},
		"accepted, in words":                 {status: 200, body: "ok"},
		"a page with a good status":          {status: 200, body: "\n<html>", wantErr: true},
		"gone":                               {status: 404},
		"refused because it is over":         {status: 400, session: reply(200, `{"id":"x","status":4}`)},
		"in conflict because it is ending":   {status: 409, session: reply(200, `{"id":"x","status":2}`)},
		"broken, and gone meanwhile":         {status: 500, session: reply(404, "")},
		"broken, and still active":           {status: 500, session: reply(200, `{"id":"x","status":1}`), wantErr: true},
		"refused, and the state is unknown":  {status: 400, session: reply(502, ""), wantErr: true},
		"forbidden, whatever the session is": {status: 403, session: reply(200, `{"id":"x","status":3}`), wantErr: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on("DELETE "+sessionPath+"/x", reply(tt.status, tt.body))
			if tt.session != nil {
				server.on("GET "+sessionPath+"/x", tt.session)
			}
			err := connect(t, server, appUser()).End(t.Context(), "x")
			if (err != nil) != tt.wantErr {
				t.Errorf("got %v", err)
			}
			if e := rest.As(err); e != nil && e.Status != tt.status {
				t.Errorf("the error is not the one of DELETE: %v", err)
			}
		})
	}
}

func TestExtendRefusesNoMinutes(t *testing.T) {
	server := newRecorder()
	if _, err := connect(t, server, appUser()).Extend(t.Context(), "x", 0); err == nil {
		t.Error("no error")
	}
	if len(server.seen()) != 0 {
		t.Errorf("sent %v", server.seen())
	}
}

func TestListMine(t *testing.T) {
	tests := map[string]struct {
		total, cap int // the number of sessions, and the server's page size
		claimed    int // the number it reports
		wantSkips  []string
	}{
		"one page that is empty":               {total: 0, cap: 100, claimed: 0, wantSkips: []string{"0"}},
		"one page that is full":                {total: 100, cap: 100, claimed: 100, wantSkips: []string{"0"}},
		"pages up to the total":                {total: 250, cap: 100, claimed: 250, wantSkips: []string{"0", "100", "200"}},
		"pages smaller than asked for":         {total: 5, cap: 2, claimed: 5, wantSkips: []string{"0", "2", "4"}},
		"an empty page ends a total that lies": {total: 3, cap: 100, claimed: 999, wantSkips: []string{"0", "3"}},
		"sessions that move between two pages": {total: -4, cap: 100, claimed: 4, wantSkips: []string{"0"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var skips []string
			server := newRecorder()
			server.on("GET "+sessionPath+"/MySummaryByStatus/Active", func(w http.ResponseWriter, req *http.Request) {
				query := req.URL.Query()
				if query.Get("take") != "100" || query.Get("filterText") != "tag/1" {
					t.Errorf("query %v", query)
				}
				skips = append(skips, query.Get("skip"))
				skip, _ := strconv.Atoi(query.Get("skip"))
				_ = json.NewEncoder(w).Encode(summaryPage(tt.total, tt.cap, tt.claimed, skip))
			})
			got, err := connect(t, server, appUser()).ListMine(t.Context(), FilterActive, "tag/1")
			if err != nil {
				t.Fatal(err)
			}
			want := max(tt.total, -tt.total/4)
			if len(got) != want {
				t.Errorf("%d summaries, want %d", len(got), want)
			}
			if len(got) > 0 && got[0].Status != StatusActive {
				t.Errorf("status %q was not read from sessionStatus", got[0].Status)
			}
			if diff := cmp.Diff(tt.wantSkips, skips); diff != "" {
				t.Errorf("skips (-want +got):\n%s", diff)
			}
		})
	}
}

// summaryPage returns a page; a negative total is one session that occurs that many times.
func summaryPage(total, limit, claimed, skip int) map[string]any {
	var data []map[string]any
	for i := skip; i < max(total, -total) && i < skip+limit; i++ {
		id := strconv.Itoa(i)
		if total < 0 {
			id = "the same"
		}
		data = append(data, map[string]any{"id": id, "sessionStatus": 1, "status": 6})
	}
	return map[string]any{"data": data, "recordsTotal": claimed}
}

func TestListMineWithoutATextSendsNoFilter(t *testing.T) {
	route := "GET " + sessionPath + "/MySummaryByStatus/Historical"
	server := newRecorder().on(route, reply(http.StatusOK, `{"data":null}`))
	if _, err := connect(t, server, appUser()).ListMine(t.Context(), FilterHistorical, ""); err != nil {
		t.Fatal(err)
	}
	if got, want := server.seen()[1], route+"?skip=0&take=100"; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}
