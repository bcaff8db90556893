// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// direct sends requests to a handler without a network, so that synctest can control the clock.
type direct struct {
	handler http.Handler
	session *http.Cookie
}

func (d *direct) do(ctx context.Context, method, path string, body any) (w *httptest.ResponseRecorder) {
	w = httptest.NewRecorder()
	data, _ := json.Marshal(body)
	r := httptest.NewRequestWithContext(ctx, method, path, bytes.NewReader(data))
	r.SetBasicAuth("admin", "admin")
	if d.session != nil {
		r.AddCookie(d.session)
	}
	defer func() { _ = recover() }() // http.ErrAbortHandler, if the client has gone away
	d.handler.ServeHTTP(w, r)
	return w
}

func logInDirectly(ctx context.Context, a *sps.Appliance) *direct {
	d := &direct{handler: a.Handler()}
	response := d.do(ctx, http.MethodGet, "/api/authentication", nil).Result()
	defer func() { _ = response.Body.Close() }()
	d.session = response.Cookies()[0]
	return d
}

func slow(s *sps.Switches) { s.WriteDelay, s.CommitDelay = 20*time.Millisecond, 2*time.Second }

func TestDelays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := sps.New(sps.Options{Configure: slow})
		writer, reader := logInDirectly(t.Context(), a), logInDirectly(t.Context(), a)
		began := time.Now()
		var writes sync.WaitGroup
		for _, name := range []string{"a", "b", "c"} {
			writes.Go(func() {
				group := object{"name": name, "members": []string{}}
				if w := writer.do(t.Context(), http.MethodPost, groups, group); w.Code != 201 {
					t.Errorf("POST: %d %s", w.Code, w.Body)
				}
			})
		}
		writes.Wait()
		if took := time.Since(began); took != 60*time.Millisecond {
			t.Errorf("three writes took %v, want 60ms: those of one session queue up", took)
		}
		began = time.Now()
		var commit sync.WaitGroup
		commit.Go(func() { writer.do(t.Context(), http.MethodPut, transaction, object{"status": "commit"}) })
		synctest.Wait() // the commit is being waited for
		if w := reader.do(t.Context(), http.MethodGet, groups, nil); w.Code != 200 || time.Since(began) != 0 {
			t.Errorf("reading beside the commit: %d after %v", w.Code, time.Since(began))
		}
		commit.Wait()
		if took := time.Since(began); took != 2*time.Second || a.Stats().Commits != 1 {
			t.Errorf("the commit took %v, want 2s; commits %d", took, a.Stats().Commits)
		}
	})
}

func TestClientThatGoesAwayDuringTheCommit(t *testing.T) {
	for needed, want := range map[bool]int{false: 1, true: 0} {
		synctest.Test(t, func(t *testing.T) {
			a := sps.New(sps.Options{Configure: slow})
			a.SetSwitches(func(s *sps.Switches) { s.CommitNeedsClient = needed })
			c := logInDirectly(t.Context(), a)
			c.do(t.Context(), http.MethodPost, groups, object{"name": "a", "members": []string{}})
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			c.do(ctx, http.MethodPut, transaction, object{"status": "commit"})
			if s := a.Stats(); s.Commits != want || s.OpenTransactions != 1-want {
				t.Errorf("the client is needed: %v; stats: %+v", needed, s)
			}
		})
	}
}

func BenchmarkListOf10000(b *testing.B) {
	a := sps.New(sps.Options{})
	data, _ := json.Marshal(policyBody())
	for range 10000 {
		var body object
		_ = json.Unmarshal(data, &body)
		a.Put("rdp/connections", "", body)
	}
	c := logInDirectly(b.Context(), a)
	for b.Loop() {
		if w := c.do(b.Context(), http.MethodGet, connections, nil); w.Code != 200 {
			b.Fatal(w.Body)
		}
	}
}

func BenchmarkCreate(b *testing.B) {
	a := sps.New(sps.Options{})
	c := logInDirectly(b.Context(), a)
	n := 0
	for b.Loop() {
		n++
		body := policyBody()
		body["name"] = time.Duration(n).String()
		if w := c.do(b.Context(), http.MethodPost, connections, body); w.Code != 201 {
			b.Fatal(w.Body)
		}
	}
}
