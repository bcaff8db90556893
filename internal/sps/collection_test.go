// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// decoded are the objects of records.
func decoded(records []sps.Record) []sps.Object {
	out := make([]sps.Object, 0, len(records))
	for _, r := range records {
		o, err := r.Object()
		if err != nil {
			panic(err)
		}
		out = append(out, o)
	}
	return out
}

func names(records []sps.Record) []string {
	out := make([]string, 0, len(records))
	for _, o := range records {
		out = append(out, o.Key+"="+o.Name)
	}
	return out
}

func TestList(t *testing.T) {
	t.Parallel()
	const (
		path = "/api/configuration/policies/audit_policies"
		line = "GET " + path
	)
	tests := map[string]struct {
		list  string
		items map[string]http.HandlerFunc
		want  []string
		calls int
	}{
		"bodies in the list, as since 7.3": {
			list:  `{"items":[` + object("k2", `{"name":"b"}`) + `,` + object("-1", `{"name":"a"}`) + `],"meta":{}}`,
			want:  []string{"k2=b", "-1=a"},
			calls: 1,
		},
		"keys only, as in 6.0": {
			list: `{"items":[{"key":"k2","meta":{}},{"key":"-1","meta":{}}],"meta":{"next":"/api/x"}}`,
			items: map[string]http.HandlerFunc{
				"k2": reply(200, object("k2", `{"name":"b"}`)), "-1": reply(200, object("-1", `{"name":"a"}`)),
			},
			want: []string{"k2=b", "-1=a"}, calls: 3,
		},
		"some with, some without": {
			list: `{"items":[{"key":"k2"},` + object("k3", `{"name":"c"}`) + `,{"key":"k1","body":null}]}`,
			items: map[string]http.HandlerFunc{
				"k2": reply(200, object("k2", `{"name":"b"}`)), "k1": reply(200, object("k1", `{"name":"a"}`)),
			},
			want: []string{"k2=b", "k3=c", "k1=a"}, calls: 3,
		},
		"an empty body is a body": {
			list: `{"items":[` + object("k", `{}`) + `]}`, want: []string{"k="}, calls: 1,
		},
		"one that was deleted in the meantime is left out": {
			list:  `{"items":[{"key":"gone"},{"key":"k"}]}`,
			items: map[string]http.HandlerFunc{"k": reply(200, object("k", `{"name":"a"}`))},
			want:  []string{"k=a"}, calls: 3,
		},
		"none": {list: `{"items":[],"meta":{}}`, want: []string{}, calls: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(line, reply(http.StatusOK, tc.list))
			for key, handler := range tc.items {
				a.on(line+"/"+key, handler)
			}
			client := a.client(nil)
			tx := a.begin(client)
			a.take()
			fromReader, err := client.List(t.Context(), sps.AuditPolicies)
			if err != nil {
				t.Fatal(err)
			}
			if got := len(a.take()) - 1; got != tc.calls { // one for the log-in
				t.Errorf("%d calls, want %d", got, tc.calls)
			}
			inside, err := tx.List(t.Context(), sps.AuditPolicies)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, names(fromReader)); diff != "" {
				t.Errorf("objects (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(decoded(fromReader), decoded(inside)); diff != "" {
				t.Errorf("reader and transaction differ:\n%s", diff)
			}
			if got := a.take()[0].Cookie; got != sessionID(1) {
				t.Errorf("the transaction reads with cookie %q", got)
			}
		})
	}
}

func TestListsThatCannotBeTrusted(t *testing.T) {
	t.Parallel()
	const path = "GET /api/configuration/rdp/connections"
	tests := map[string]struct {
		list, item http.HandlerFunc
		check      func(error) bool
	}{
		"an answer without items is not an empty list": {list: reply(200, `{"meta":{}}`), check: isMalformed},
		"nor is null":                  {list: reply(200, `{"items":null}`), check: isMalformed},
		"a page of the front end":      {list: reply(200, `<html>`), check: isMalformed},
		"an item without a key":        {list: reply(200, `{"items":[{"body":{}}]}`), check: isMalformed},
		"a body that is not an object": {list: reply(200, `{"items":[{"key":"k","body":[]}]}`), check: isMalformed},
		"an object without a body": {
			list: reply(200, `{"items":[{"key":"k"}]}`), item: reply(200, `{"key":"k"}`), check: isMalformed,
		},
		"an object that may not be read": {
			list: reply(200, `{"items":[{"key":"k"},{"key":"l"},{"key":"m"}]}`),
			item: problem(http.StatusForbidden, "Unauthorized", "no"), check: rest.IsForbidden,
		},
		"a collection that this version does not have": {
			list: problem(http.StatusNotFound, "NotFound", "no"), check: rest.IsNotFound,
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(path, tc.list)
			for _, key := range []string{"k", "l", "m"} {
				if tc.item != nil {
					a.on(path+"/"+key, tc.item)
				}
			}
			objects, err := a.client(nil).List(t.Context(), sps.RDPConnections)
			if !tc.check(err) || objects != nil || sps.IsRefused(err) {
				t.Errorf("got %v, %v", objects, err)
			}
		})
	}
}

func isMalformed(err error) bool { return errors.Is(err, rest.ErrMalformedAnswer) }

func TestListReadsFourBodiesAtATime(t *testing.T) {
	t.Parallel()
	const objects, limit = 12, 4
	a := newAppliance(t)
	var items []string
	var running atomic.Int32
	var barrier sync.WaitGroup // full when four are being served; with fewer the list never ends
	barrier.Add(limit)
	for i := range objects {
		key := fmt.Sprintf("k%d", i)
		items = append(items, fmt.Sprintf(`{"key":%q}`, key))
		first := i < limit
		a.on(usersLine+"/"+key, func(w http.ResponseWriter, r *http.Request) {
			if running.Add(1) > limit {
				t.Error("more than four at a time")
			}
			if first {
				barrier.Done()
			}
			barrier.Wait()
			running.Add(-1)
			reply(http.StatusOK, object(key, `{"name":"u"}`))(w, r)
		})
	}
	a.on(usersLine, reply(http.StatusOK, `{"items":[`+strings.Join(items, ",")+`]}`))
	got, err := a.client(nil).List(t.Context(), sps.Users)
	if err != nil || len(got) != objects {
		t.Errorf("%d objects, %v", len(got), err)
	}
}

func TestListEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var items []string
	for i := range 6 {
		key := fmt.Sprintf("k%d", i)
		items = append(items, fmt.Sprintf(`{"key":%q}`, key))
		a.on(usersLine+"/"+key, func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		})
	}
	a.on(usersLine, reply(http.StatusOK, `{"items":[`+strings.Join(items, ",")+`]}`))
	objects, err := a.client(nil).List(ctx, sps.Users)
	if !errors.Is(err, context.Canceled) || objects != nil {
		t.Errorf("got %v, %v", objects, err)
	}
}

func TestKeysAreEscaped(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	const line = "GET /api/configuration/x509/a%2F..%2Fb%3Fc"
	a.on(line, reply(http.StatusOK, `{"key":"a/../b?c","body":{"n":1.50}}`))
	got, err := a.client(nil).Get(t.Context(), sps.X509Identities, "a/../b?c")
	if err != nil {
		t.Fatal(err)
	}
	want := sps.Object{Key: "a/../b?c", Body: body(t, `{"n":1.50}`)}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("object (-want +got):\n%s", diff)
	}
	a.want(logInLine, line)
}

func TestInfo(t *testing.T) {
	t.Parallel()
	const (
		line = "GET /api/info"
		anon = `{"body":{"domainname":"x","hostname":"sps1"},"key":"about_info"}`
		full = `{"body":{"hostname":"sps1","firmware_version":"7.0.3","config_hash":"0f3c","roles":["search-master",1],
			"version":"7 F0","analytics_enabled":true},"key":"about_info","meta":{}}`
	)
	want := sps.Info{Version: "7.0.3", ConfigHash: "0f3c", Hostname: "sps1", Roles: []string{"search-master"}}
	tests := map[string]struct {
		answers []http.HandlerFunc
		want    sps.Info
		calls   []string
		check   func(error) bool
	}{
		"as a user": {
			answers: []http.HandlerFunc{reply(200, full)}, want: want, calls: []string{logInLine, line},
		},
		"without a log-in, because the session has ended silently": {
			answers: []http.HandlerFunc{reply(200, anon), reply(200, full)}, want: want,
			calls: []string{logInLine, line, logInLine, line},
		},
		"without a log-in every time": {
			answers: []http.HandlerFunc{reply(200, anon)}, check: isMalformed,
			calls: []string{logInLine, line, logInLine, line},
		},
		"without a hash, as some versions have none": {
			answers: []http.HandlerFunc{reply(200, `{"body":{"firmware_version":"6.0.4"}}`)},
			want:    sps.Info{Version: "6.0.4"}, calls: []string{logInLine, line},
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAppliance(t)
			a.on(line, inTurn(tc.answers...))
			got, err := a.client(nil).Info(t.Context())
			if tc.check == nil && err != nil || tc.check != nil && !tc.check(err) {
				t.Errorf("got %v", err)
			}
			if diff := cmp.Diff(tc.want, got, cmpopts.IgnoreFields(sps.Info{}, "Self")); diff != "" {
				t.Errorf("info (-want +got):\n%s", diff)
			}
			a.want(tc.calls...)
		})
	}
}
