// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func TestLogInCookie(t *testing.T) {
	b := start(t, "8.0", nil)
	r := b.anonymous().request(http.MethodGet, "/api/authentication", nil)
	r.SetBasicAuth("admin", "admin")
	answer := b.anonymous().send(r)
	if answer.status != http.StatusOK || answer.body["meta"] == nil {
		t.Fatalf("status %d, body %s", answer.status, answer.text)
	}
	got := answer.header.Values("Set-Cookie")
	want := []string{
		`^session_id=[0-9a-f]{40}; Path=/; Expires=Fri, 02 Jan 2026 15:04:05 GMT; Max-Age=43200; HttpOnly; Secure$`,
		`^ticket=[A-Z2-7]{70,72}; Path=/; Expires=Fri, 02 Jan 2026 15:04:05 GMT; HttpOnly; Secure$`,
	}
	if len(got) != len(want) {
		t.Fatalf("cookies: %v", got)
	}
	for i := range want {
		if !regexp.MustCompile(want[i]).MatchString(got[i]) {
			t.Errorf("cookie %q does not match %s", got[i], want[i])
		}
	}
}

func TestLogIn(t *testing.T) {
	const unknown = "?login_method=x"
	tests := map[string]struct {
		version, user, password, query string
		want                           int
	}{
		"nobody":                                      {"8.0", "nobody", "admin", "", 401},
		"a method that does not exist":                {"8.0", "admin", "admin", unknown, 401},
		"6.0 does not look at methods":                {"6.0", "admin", "admin", unknown, 200},
		"by certificate, without one":                 {"8.0", "admin", "admin", "?type=x509", 401},
		"a local user with another's password":        {"8.0", "robot", "p1", "", 401},
		"the empty password of a user without object": {"8.0", "broken", "", "", 401},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			b := start(t, tt.version, nil)
			b.sps.Put("passwords", "k1", object{"plain": "p1"})
			b.sps.Put("passwords", "k2", object{"plain": "p2"})
			b.sps.Put("aaa/local_database/users", "plain", object{"name": "plain", "password": "k1"})
			b.sps.Put("aaa/local_database/users", "robot", object{"name": "robot", "password": "k2"})
			b.sps.Put("aaa/local_database/users", "broken", object{"name": "broken", "password": nil})
			if got := b.anonymous().authenticate(tt.user, tt.password, tt.query); got != tt.want {
				t.Errorf("status %d, want %d", got, tt.want)
			}
		})
	}
}

func TestWithoutASession(t *testing.T) {
	c := start(t, "8.0", nil).anonymous()
	answer := c.refusedWith(401, "Unauthenticated", http.MethodGet, connections, nil)
	if got := dig(answer, "error", "details", "resource"); got != connections {
		t.Errorf("details.resource is %v", got)
	}
	c.session = "0123456789012345678901234567890123456789"
	c.refusedWith(401, "Unauthenticated", http.MethodGet, "/api/transaction", nil)
	c.refusedWith(405, "MethodNotAllowed", http.MethodPost, "/api/authentication", object{"user": "admin"})
}

func TestDiscoveryOfLogInMethods(t *testing.T) {
	old := start(t, "6.0", nil).anonymous()
	types := old.must(http.MethodGet, "/api/authentication/types", nil)["types"]
	if diff := cmp.Diff([]any{"basic", "x509"}, types); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	old.refusedWith(404, "NotFound", http.MethodGet, "/api/authentication/login_methods", nil)
	recent := start(t, "7.0", nil).anonymous()
	methods, _ := recent.must(http.MethodGet, "/api/authentication/login_methods", nil)["login_methods"].([]any)
	if len(methods) != 1 || dig(methods[0], "name") != "local" {
		t.Errorf("login_methods: %v", methods)
	}
	recent.refusedWith(404, "NotFound", http.MethodGet, "/api/authentication/types", nil)
}

func TestBruteForceProtection(t *testing.T) {
	b := start(t, "8.0", nil)
	c := b.anonymous()
	fail := func() {
		if got := c.authenticate("admin", "wrong", ""); got != 401 {
			t.Fatalf("status %d", got)
		}
	}
	for range 19 {
		fail()
	}
	if got := c.authenticate("admin", "admin", ""); got != 200 {
		t.Fatalf("after 19 failures: status %d, want 200", got)
	}
	for range 20 {
		fail()
	}
	b.advance(9 * time.Minute)
	if got := c.authenticate("admin", "admin", ""); got != 401 {
		t.Errorf("right credentials during the block: status %d, want 401", got)
	}
	b.advance(time.Minute) // the attempt above must not extend the block
	if got := c.authenticate("admin", "admin", ""); got != 200 {
		t.Errorf("after the block: status %d, want 200", got)
	}
	if s := b.sps.Stats(); s.LogIns != 2 || s.FailedLogIns != 40 {
		t.Errorf("log-ins %d, failed %d; want 2 and 40", s.LogIns, s.FailedLogIns)
	}
}

func TestBrowsersNeedTheToken(t *testing.T) {
	for version, want := range map[string]int{"7.0": 200, "8.0": 403} {
		t.Run(version, func(t *testing.T) {
			c := start(t, version, nil).logIn()
			c.open()
			c.header.Set("User-Agent", "Mozilla/5.0")
			if status, _ := c.do(http.MethodDelete, transaction, nil); status != want {
				t.Fatalf("status %d, want %d", status, want)
			}
			if want == 200 {
				return
			}
			token, _ := dig(c.must(http.MethodGet, "/api/user/info", nil), "body", "token").(string)
			c.header.Set("X-Token", token)
			c.must(http.MethodDelete, transaction, nil)
		})
	}
}

func TestLogOut(t *testing.T) {
	b := start(t, "6.0", nil)
	c := b.logIn()
	c.refusedWith(405, "MethodNotAllowed", http.MethodDelete, "/api/authentication", nil)
	b.sps.SetSwitches(func(s *sps.Switches) { s.LogOut = true })
	c.open()
	c.must(http.MethodDelete, "/api/authentication", nil)
	c.refusedWith(401, "Unauthenticated", http.MethodGet, transaction, nil)
	b.logIn().open() // the lock ended with the session
}

func TestSessionEndsAfterTwelveHours(t *testing.T) {
	b := start(t, "8.0", func(s *sps.Switches) { s.SessionIdleSeconds = 24 * 3600 })
	c := b.logIn()
	b.advance(12*time.Hour - time.Second)
	c.must(http.MethodGet, configuration, nil)
	b.advance(time.Second)
	c.refusedWith(401, "Unauthenticated", http.MethodGet, configuration, nil)
}

func TestReadOnlyUser(t *testing.T) {
	c := start(t, "8.0", func(s *sps.Switches) { s.ReadOnlyUsers = []string{"admin"} }).logIn()
	c.must(http.MethodGet, connections, nil)
	c.refusedWith(403, "Unauthorized", http.MethodPost, connections, policy(t, "a"))
	c.refusedWith(403, "Unauthorized", http.MethodPost, transaction, nil)
	c.refusedWith(403, "Unauthorized", http.MethodDelete, "/api/active-sessions?id=x", nil)
}
