// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const connectionsList = "GET /api/configuration/rdp/connections"

// metered counts the memory of the answers to a client.
func metered(a *appliance, maxAnswer int64) (*sps.Client, *rest.Share) {
	share := rest.NewBudget(192<<20).Share("", maxAnswer, "spec.limits.maxResponseSize")
	return a.client(func(cfg *sps.Config) { cfg.Memory = share }), share
}

// endless repeats a text until the reader stops; %d is a growing number.
func endless(begin, again string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		_, err := io.WriteString(w, begin)
		for i := 0; err == nil; i++ {
			if strings.Contains(again, "%d") {
				_, err = fmt.Fprintf(w, again, i)
			} else {
				_, err = io.WriteString(w, again)
			}
		}
	}
}

func TestListsThatMeanHarm(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 2<<20)
	tests := map[string]struct {
		handler http.HandlerFunc
		words   string
	}{
		"objects without end": {
			endless(`{"items":[`, `{"key":"k%d","body":{"name":"n"}},`), "spec.limits.maxResponseSize",
		},
		"keys without end":   {endless(`{"items":[`, `{"key":"k%d"},`), "spec.limits.maxResponseSize"},
		"blanks without end": {endless(`{"items":[`, strings.Repeat(" ", 4096)), "larger than"},
		"one object without end": {
			endless(`{"items":[{"key":"k","body":{"name":"`, strings.Repeat("x", 4096)), "larger than",
		},
		"a member without end": {endless(`{"meta":[`, strings.Repeat("1,", 4096)), "larger than"},
		"nested without end":   {endless(`{"items":`, strings.Repeat("[", 4096)), "not the JSON"},
		"a long key":           {reply(200, `{"items":[`+object(long[:254], `{}`)+`]}`), "too long"},
		"a key in letters":     {reply(200, `{"items":[{"key":"a\u0007b","body":{}}]}`), "invalid characters"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(connectionsList, tc.handler)
			client, share := metered(a, 4<<20)
			records, err := client.List(t.Context(), sps.RDPConnections)
			if records != nil || rest.As(err) == nil || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%d records, %.200v", len(records), err)
			}
			if share.Used() != 0 {
				t.Errorf("%d bytes stay counted", share.Used())
			}
		})
	}
}

// What it would take is known before it is decoded, and the others in the list can be used.
func TestAnObjectWithTooManyValuesIsRefusedAlone(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	many := `{"name":"heavy","a":[{}` + strings.Repeat(",{}", 5000) + `]}`
	a.on(connectionsList, reply(200, `{"items":[`+object("k1", many)+`,`+object("k2", `{"name":"light"}`)+`]}`))
	a.on("GET /api/configuration/rdp/connections/k1", reply(200, object("k1", many)))
	client := a.client(nil)
	records, err := client.List(t.Context(), sps.RDPConnections)
	if err != nil || len(records) != 2 || records[0].Name != "heavy" || records[0].Size() > 1000 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	_, listed := records[0].Object()
	_, alone := client.Get(t.Context(), sps.RDPConnections, "k1")
	for _, err := range []error{listed, alone} {
		const says = `"heavy" on the appliance (key k1) is larger than 4096 values`
		if !rest.IsTooLarge(err) || !strings.Contains(err.Error(), says) {
			t.Errorf("got %v", err)
		}
	}
	if o, err := records[1].Object(); err != nil || o.Name() != "light" {
		t.Errorf("the other one: %v", err)
	}
}

// Ten thousand ordinary policies fit into the default limit of an answer.
func TestALongListOfOrdinaryPoliciesIsRead(t *testing.T) {
	t.Parallel()
	const n = 10_000
	a := newAppliance(t)
	policy := encode(numbered(t, 1))
	a.on(connectionsList, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"items":[`+object("-0", policy))
		for i := range n - 1 {
			_, _ = io.WriteString(w, ","+object(fmt.Sprintf("-%d", i+1), policy))
		}
		_, _ = io.WriteString(w, "]}")
	})
	share := rest.NewBudget(192<<20).Share("", sps.DefaultMaxAnswer, "")
	client := a.client(func(cfg *sps.Config) { cfg.Memory = share })
	if records, err := client.List(t.Context(), sps.RDPConnections); err != nil || len(records) != n {
		t.Errorf("%d records, %v", len(records), err)
	}
}

func TestTransactionsWhoseChangesHaveNoEnd(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.on("GET /api/transaction/changes", endless(`{"changes":[`, `{"type":"create","path":"/api/configuration/x/%d"},`))
	client, share := metered(a, 1<<20)
	tx := a.begin(client)
	if err := tx.Verify(t.Context()); !rest.IsTooLarge(err) {
		t.Errorf("got %v", err)
	}
	if err := tx.Rollback(t.Context()); err != nil || share.Used() != 0 {
		t.Errorf("%v; %d bytes stay counted", err, share.Used())
	}
}

func TestSearchesWithoutEnd(t *testing.T) {
	t.Parallel()
	session := func(id string) string {
		return `{"body":{"active":true,"recording":{"session_id":"` + id + `","connection_policy_id":"k"}}}`
	}
	page := 0
	tests := map[string]struct {
		handler http.HandlerFunc
		words   string
		most    int // calls
	}{
		"a link to the same page": {
			reply(200, `{"items":[`+session("a")+`],"meta":{"next":"/api/audit/sessions?fields=*&q=active%3Atrue"}}`),
			"returns to a page", 1,
		},
		"links that lead in a circle": {
			inTurn(
				reply(200, `{"items":[`+session("a")+`],"meta":{"next":"/x?page=1"}}`),
				reply(200, `{"items":[`+session("b")+`],"meta":{"next":"/x?fields=*&q=active%3Atrue"}}`)),
			"returns to a page", 2,
		},
		"the same sessions under ever new links": {
			func(w http.ResponseWriter, _ *http.Request) {
				page++
				_, _ = fmt.Fprintf(w, `{"items":[`+session("a")+`],"meta":{"next":"/x?page=%d"}}`, page)
			}, "repeats itself", 2,
		},
		"a count that is never reached": {
			reply(200, `{"items":[`+session("a")+`],"meta":{"match_count":1000000}}`), "repeats itself", 2,
		},
		"an id that cannot be stored": {
			reply(200, `{"items":[`+session(strings.Repeat("x", 513))+`]}`), "too long", 1,
		},
		"sessions without end": {
			endless(`{"items":[`, `{"body":{"active":true,"recording":{"session_id":"s%d"}}},`),
			"spec.limits.maxResponseSize", 1,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			a := newAppliance(t)
			a.on("GET /api/audit/sessions", tc.handler)
			client, share := metered(a, 1<<20)
			found, err := client.ActiveSessions(t.Context(), "")
			if found != nil || err == nil || !strings.Contains(err.Error(), tc.words) {
				t.Errorf("%d sessions, %v", len(found), err)
			}
			if calls := len(a.take()) - 1; calls > tc.most {
				t.Errorf("%d calls", calls)
			}
			if share.Used() != 0 {
				t.Errorf("%d bytes stay counted", share.Used())
			}
		})
	}
}

func TestInfoIsBounded(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 500)
	a := newAppliance(t)
	a.on("GET /api/info", inTurn(
		reply(200, `{"body":{"firmware_version":"7.0\u0000.3\n`+long+`","hostname":"`+long+`","roles":[1,"`+long+`",{}]}}`),
		reply(200, `{"body":{"firmware_version":"7.0","config_hash":"`+long+`"}}`),
		reply(200, `{"body":{"firmware_version":"7.0","roles":[1`+strings.Repeat(`,"r"`, 1000)+`]}}`)))
	client := a.client(nil)
	info, err := client.Info(t.Context())
	if err != nil || len(info.Version) != 64 || !strings.HasPrefix(info.Version, "7.0.3 x") || len(info.Hostname) > 253 ||
		len(info.Roles) != 1 || len(info.Roles[0]) > 253 {
		t.Errorf("got %+v, %v", info, err)
	}
	if _, err := client.Info(t.Context()); !errors.Is(err, rest.ErrMalformedAnswer) {
		t.Errorf("a config_hash that is cut would be another one: %v", err)
	}
	if info, err := client.Info(t.Context()); err != nil || len(info.Roles) > 32 {
		t.Errorf("%d roles, %v", len(info.Roles), err)
	}
}

// The refusal of a commit may quote every password of the batch, in any form.
func TestARefusedCommitShowsNoPasswordOfItsBatch(t *testing.T) {
	t.Parallel()
	const many = 1000
	a := newAppliance(t)
	plain := func(i int) string { return fmt.Sprintf(`pä"%d"ßword`, i) }
	a.on("POST /api/configuration/passwords", reply(200, `{"key":"p"}`))
	client := a.client(nil)
	tx := a.begin(client)
	for i := range many {
		if _, err := tx.CreatePassword(t.Context(), plain(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, i := range []int{0, 1, many / 2, many - 1} {
		a.on("PUT /api/transaction", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			write(w, map[string]any{"error": map[string]any{
				"type": "SemanticError", "message": "it is " + plain(i), "details": map[string]any{"value": plain(i)},
			}})
		})
		err := tx.Commit(t.Context(), "")
		if err == nil || strings.Contains(err.Error(), "ßword") || !strings.Contains(err.Error(), "it is [redacted]") {
			t.Errorf("password %d: %v", i, err)
		}
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The answer may come from another server, whose text must not be shown.
func TestForeignAnswersAreNotShown(t *testing.T) {
	t.Parallel()
	const secret = "root:x:0:0"
	for _, body := range []string{
		secret, "<html>" + secret, `"` + secret + `"`, `{"kind":"Status","message":"` + secret + `"}`,
		`{"error":"` + secret + `"}`,
	} {
		a := newAppliance(t)
		a.on(connectionsList, reply(http.StatusForbidden, body))
		_, err := a.client(nil).List(t.Context(), sps.RDPConnections)
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestEqualListsAreFoundInLittleTime(t *testing.T) {
	t.Parallel()
	const n = 20_000
	managed, actual := make([]any, n), make([]any, n)
	for i := range n {
		managed[i], actual[n-1-i] = fmt.Sprintf("member-%d", i), fmt.Sprintf("member-%d", i)
	}
	begun := time.Now()
	unordered := sps.Comparison{"a": {Meaning: sps.NameMeaning, Unordered: true}}
	if d := sps.Diff(sps.Body{"a": managed}, sps.Body{"a": actual}, unordered); len(d) != 0 {
		t.Errorf("%d differences", len(d))
	}
	digits := sps.Body{"a": json.Number(strings.Repeat("9", 1<<20))}
	if d := sps.Diff(sps.Body{"a": 1}, digits, nil); len(d) != 1 {
		t.Errorf("%d differences", len(d))
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
}

// FuzzAnswers decodes arbitrary answers of an appliance.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"items":[{"key":"k","body":{"name":"n","a":{"b":[1]}}},{"key":"l","body":{"name":"m"}}]}`,
		`{"items":[{"key":"k"}]}`,
		`{"body":{"firmware_version":"7.0","config_hash":"a","roles":["a"]}}`, `{"changes":[{"type":"create","path":"/a"}]}`,
		`{"items":[{"body":{"active":true,"recording":{"session_id":"s"}}}],"meta":{"next":"/x?y"}}`,
		`{"error":{"type":"T","message":"m","details":{"a":1}}}`, `{"key":"k"}`, "null", "[", "<html>",
	} {
		f.Add([]byte(seed), 200)
	}
	f.Fuzz(func(t *testing.T, body []byte, status int) {
		server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/api/authentication" {
				w.Header().Set("Set-Cookie", "session_id=a")
				return
			}
			w.WriteHeader(min(max(status, 200), 599))
			_, _ = w.Write(body)
		}))
		defer server.Close()
		roots := x509.NewCertPool()
		roots.AddCert(server.Certificate())
		share := (*rest.Budget)(nil).Share("", 1<<20, "")
		client, err := sps.New(sps.Config{
			URL: server.URL, Username: username, Password: password, Memory: share,
			TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		records, list := client.List(t.Context(), sps.RDPConnections)
		for _, r := range records {
			if o, err := r.Object(); !rest.IsIdentifier(r.Key, 253) || err == nil && o.Body == nil {
				t.Errorf("%q is no record", r.Key)
			}
		}
		info, infoErr := client.Info(t.Context())
		if len(info.Version) > 64 || len(info.ConfigHash) > 128 {
			t.Errorf("%+v does not fit", info)
		}
		_, sessions := client.ActiveSessions(t.Context(), "k")
		for _, err := range []error{list, infoErr, sessions} {
			if err != nil && len(err.Error()) > 2500 {
				t.Errorf("%.3000v is too long", err)
			}
		}
		if share.Used() != 0 {
			t.Errorf("%d bytes stay counted", share.Used())
		}
	})
}
