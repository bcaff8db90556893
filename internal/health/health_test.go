// SPDX-License-Identifier: Apache-2.0

package health_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/health"
)

func request(t *testing.T) *http.Request {
	t.Helper()
	return httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
}

func TestAManagerIsReadyWhenItHasReadEverything(t *testing.T) {
	leads, waits := make(chan struct{}), make(chan struct{})
	close(leads)
	for name, c := range map[string]struct {
		synced   bool
		elected  chan struct{}
		unlisted []string
		want     string // part of the error; empty if ready
	}{
		"one that leads":                            {synced: true, elected: leads},
		"one that stands by, with its caches":       {synced: true, elected: waits, unlisted: []string{"secrets"}},
		"not one that stands by without its caches": {elected: waits, want: "caches are not synced"},
		"not one that leads without its caches":     {elected: leads, want: "caches are not synced"},
		"not one that leads and may not list": {
			synced: true, elected: leads, unlisted: []string{"secrets", "jobs.batch"}, want: "secrets, jobs.batch",
		},
	} {
		t.Run(name, func(t *testing.T) {
			ready := health.Ready{
				Elected: c.elected, Unlisted: func() []string { return c.unlisted },
				Caches: func(ctx context.Context) bool {
					if !c.synced {
						<-ctx.Done() // like a cache
					}
					return c.synced
				},
			}
			err := ready.Check(request(t))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAManagerIsAliveUnlessItHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lock, touches := make(chan struct{}, 1), 0 // time does not pass while a goroutine waits for a Mutex
		check := health.Alive(func(context.Context) {
			lock <- struct{}{}
			touches++
			<-lock
		}, 10*time.Second)
		probe := func() error {
			defer synctest.Wait()
			return check(request(t))
		}
		for range 3 {
			if err := probe(); err != nil {
				t.Error(err)
			}
		}
		lock <- struct{}{}
		for range 5 {
			if err := probe(); err != nil {
				t.Errorf("a brief check counts as too long: %v", err)
			}
			<-time.After(2 * time.Second)
		}
		<-time.After(time.Second)
		for range 3 {
			if err := probe(); err == nil || !strings.Contains(err.Error(), "has not returned for 11s") {
				t.Errorf("a hanging manager counts as alive: %v", err)
			}
		}
		<-lock
		synctest.Wait()
		if err := probe(); err != nil || touches != 5 {
			t.Errorf("%v after %d touches, want 5: one at a time", err, touches)
		}
	})
}
