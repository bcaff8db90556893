// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

const (
	logInLine = "GET /api/authentication"
	usersLine = "GET /api/configuration/aaa/local_database/users"
	usersPath = "/api/configuration/aaa/local_database/users"
)

// withUsers answers the list of users with an empty one.
func withUsers(a *appliance) *appliance {
	a.on(usersLine, reply(http.StatusOK, `{"items":[]}`))
	return a
}

func TestConfigurationsThatCannotLogIn(t *testing.T) {
	t.Parallel()
	noCertificate := &tls.Config{MinVersion: tls.VersionTLS12}
	tests := map[string]struct {
		cfg  sps.Config
		want string
	}{
		"no username":               {cfg: sps.Config{Password: "x"}, want: "username"},
		"no password":               {cfg: sps.Config{Username: "x"}, want: "password"},
		"a colon in the username":   {cfg: sps.Config{Username: "a:b", Password: "x"}, want: "colon"},
		"X.509 without TLS":         {cfg: sps.Config{X509: true}, want: "certificate"},
		"X.509 without certificate": {cfg: sps.Config{X509: true, TLS: noCertificate}, want: "certificate"},
		"a bad url":                 {cfg: sps.Config{URL: "http://x", Username: "x", Password: "x"}, want: "url"},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := sps.New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want one about %q", err, tc.want)
			}
		})
	}
}

func TestLogInRequests(t *testing.T) {
	t.Parallel()
	header := "Basic " + base64.StdEncoding.EncodeToString([]byte(username+":"+password))
	tests := map[string]struct {
		change            func(*appliance, *sps.Config)
		line, credentials string
	}{
		"the appliance chooses the back end": {line: logInLine, credentials: header},
		"a named back end": {
			change: func(_ *appliance, cfg *sps.Config) { cfg.LoginMethod = "my ldap" },
			line:   "GET /api/authentication?login_method=my+ldap", credentials: header,
		},
		"a client certificate instead of a password": {
			change: func(a *appliance, cfg *sps.Config) {
				cfg.X509, cfg.TLS.Certificates = true, a.server.TLS.Certificates
			},
			line: "GET /api/authentication?type=x509",
		},
		"a client certificate and a named back end": {
			change: func(a *appliance, cfg *sps.Config) {
				cfg.X509, cfg.LoginMethod, cfg.TLS.Certificates = true, "pki", a.server.TLS.Certificates
			},
			line: "GET /api/authentication?login_method=pki&type=x509",
		},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := withUsers(newAppliance(t))
			client := a.client(func(cfg *sps.Config) {
				if tc.change != nil {
					tc.change(a, cfg)
				}
			})
			for range 2 {
				if _, err := client.List(t.Context(), sps.Users); err != nil {
					t.Fatal(err)
				}
			}
			calls := a.want(tc.line, usersLine, usersLine)
			if got := calls[0].Header.Get("Authorization"); got != tc.credentials {
				t.Errorf("credentials %q, want %q", got, tc.credentials)
			}
			for _, c := range calls[1:] {
				if c.Cookie != sessionID(1) || c.Header.Get("Authorization") != "" {
					t.Errorf("cookie %q, authorization %q", c.Cookie, c.Header.Get("Authorization"))
				}
				if got := c.Header.Get("User-Agent"); got != "pam-operator/test" {
					t.Errorf("user agent %q", got)
				}
			}
		})
	}
}

func TestCookiesOfALogIn(t *testing.T) {
	t.Parallel()
	const expires = "expires=Wed, 01 Jan 2020 00:00:00 GMT; HttpOnly; Max-Age=43200; Path=/; Secure"
	tests := map[string][]string{
		"one, already expired by our clock":   {"session_id=%s; " + expires},
		"two in two headers":                  {"ticket=JBSWY3DP; " + expires, "session_id=%s; " + expires},
		"two joined by a comma":               {"session_id=%s; " + expires + ", ticket=JBSWY3DP; " + expires},
		"two joined by a comma, ticket first": {"ticket=JBSWY3DP; " + expires + ",session_id=%s; " + expires},
		"in quotes":                           {`session_id="%s"; Path=/`},
		"without attributes":                  {"session_id=%s"},
		"the old one is taken away first":     {"session_id=; Max-Age=0", "session_id=%s; Path=/"},
		"beside a cookie of a similar name":   {"old_session_id=123; Path=/", "session_id=%s; Path=/"},
	}
	for name, header := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := withUsers(newAppliance(t))
			a.setCookie = header
			if _, err := a.client(nil).List(t.Context(), sps.Users); err != nil {
				t.Fatal(err)
			}
			if got := a.want(logInLine, usersLine)[1].Cookie; got != sessionID(1) {
				t.Errorf("cookie %q, want %q", got, sessionID(1))
			}
		})
	}
}

func TestALogInWithoutACookieIsNoRefusal(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	a.setCookie = nil
	_, err := a.client(nil).List(t.Context(), sps.Users)
	if !errors.Is(err, rest.ErrMalformedAnswer) || sps.IsCredentialsRefused(err) {
		t.Errorf("got %v", err)
	}
}

func TestRefusedCredentialsAreSentOnce(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"wrong password": problem(http.StatusUnauthorized, "AuthenticationFailure", "Unable to authenticate"),
		"no right":       problem(http.StatusForbidden, "Unauthorized", "no REST access"),
		"a bare 401":     reply(http.StatusUnauthorized, "<html>"),
	}
	for name, refusal := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := clocktesting.NewFakeClock(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
			a := withUsers(newAppliance(t))
			a.on("GET /api/authentication", refusal)
			client := a.client(func(cfg *sps.Config) { cfg.Now = clock.Now })

			var callers sync.WaitGroup
			for range 5 {
				callers.Go(func() { mustBeRefused(t, func() error { _, err := client.List(t.Context(), sps.Users); return err }) })
				callers.Go(func() { mustBeRefused(t, func() error { _, err := client.Begin(t.Context()); return err }) })
			}
			callers.Wait()
			clock.Step(15*time.Minute - time.Second)
			mustBeRefused(t, func() error { _, err := client.Info(t.Context()); return err })
			a.want(logInLine)

			clock.Step(time.Second)
			mustBeRefused(t, func() error { return client.Terminate(t.Context(), "x") })
			a.want(logInLine)

			clock.Step(30*time.Minute - time.Second)
			mustBeRefused(t, func() error { _, err := client.Info(t.Context()); return err })
			a.want() // the second refusal counts twice as long

			clock.Step(time.Second)
			delete(a.routes, "GET /api/authentication")
			if _, err := client.List(t.Context(), sps.Users); err != nil {
				t.Errorf("after the credentials were corrected: %v", err)
			}
		})
	}
}

func mustBeRefused(t *testing.T, do func() error) {
	t.Helper()
	err := do()
	if !sps.IsCredentialsRefused(err) || rest.IsOutcomeUnknown(err) || sps.IsTransactionLost(err) || sps.IsRefused(err) {
		t.Errorf("got %v", err)
	}
}

func TestANewClientTriesRefusedCredentialsAgain(t *testing.T) {
	t.Parallel()
	a := withUsers(newAppliance(t))
	a.on("GET /api/authentication", problem(http.StatusUnauthorized, "AuthenticationFailure", "no"))
	for range 2 {
		if _, err := a.client(nil).List(t.Context(), sps.Users); !sps.IsCredentialsRefused(err) {
			t.Errorf("got %v", err)
		}
	}
	a.want(logInLine, logInLine)
}

func TestTroubleAtLogInIsNoRefusal(t *testing.T) {
	t.Parallel()
	tests := map[string]http.HandlerFunc{
		"an error of the server": problem(http.StatusInternalServerError, "Internal", "oops"),
		"a page of the front":    reply(http.StatusBadGateway, "<html>"),
		"no answer":              broken,
	}
	for name, trouble := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := withUsers(newAppliance(t))
			a.on("GET /api/authentication", trouble)
			client := a.client(nil)
			for range 2 {
				err := client.Terminate(t.Context(), "x")
				if rest.As(err) == nil || sps.IsCredentialsRefused(err) {
					t.Errorf("got %v", err)
				}
				if rest.IsOutcomeUnknown(err) {
					t.Errorf("the request itself was not sent: %v", err)
				}
			}
			delete(a.routes, "GET /api/authentication")
			if _, err := client.List(t.Context(), sps.Users); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestManyReadersShareOneLogIn(t *testing.T) {
	t.Parallel()
	a := withUsers(newAppliance(t))
	client := a.client(nil)
	for round := range 2 {
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if _, err := client.List(t.Context(), sps.Users); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Wait()
		if got := a.count(logInLine); got != round+1 {
			t.Errorf("round %d: %d log-ins", round, got)
		}
		a.endSessions() // every call of the next round finds its cookie stale
	}
}

func TestAReaderLogsInAgainOnce(t *testing.T) {
	t.Parallel()
	a := withUsers(newAppliance(t))
	client := a.client(nil)
	if _, err := client.List(t.Context(), sps.Users); err != nil {
		t.Fatal(err)
	}
	a.take()

	a.endSessions()
	if _, err := client.List(t.Context(), sps.Users); err != nil {
		t.Errorf("after the session had ended: %v", err)
	}
	calls := a.want(usersLine, logInLine, usersLine)
	if diff := cmp.Diff(sessionID(2), calls[2].Cookie); diff != "" {
		t.Errorf("cookie of the repetition: %s", diff)
	}

	a.on(usersLine, problem(http.StatusUnauthorized, "Unauthenticated", "again"))
	_, err := client.List(t.Context(), sps.Users)
	if !rest.IsUnauthorized(err) || sps.IsCredentialsRefused(err) || sps.IsTransactionLost(err) {
		t.Errorf("got %v", err)
	}
	a.want(usersLine, logInLine, usersLine)
}

func TestALogInOutlivesTheCallerThatBeganIt(t *testing.T) {
	t.Parallel()
	a := withUsers(newAppliance(t))
	arrived, goOn := make(chan struct{}), make(chan struct{})
	a.on("GET /api/authentication", func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-goOn
		a.logIn(w)
	})
	client := a.client(nil)

	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() { _, err := client.List(ctx, sps.Users); first <- err }()
	<-arrived
	cancel()
	if err := <-first; !errors.Is(err, context.Canceled) || rest.IsOutcomeUnknown(err) {
		t.Errorf("the first caller got %v", err)
	}
	close(goOn)
	if _, err := client.List(t.Context(), sps.Users); err != nil {
		t.Errorf("the second caller got %v", err)
	}
	a.want(logInLine, usersLine)
}

func TestNoErrorShowsASecret(t *testing.T) {
	t.Parallel()
	const userPassword = "canary-user-pässword/+"
	basic := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	secrets := []string{"canary", sessionID(1)[20:], sessionID(2)[20:], "TICKET-JBSWY3DP", basic}
	a := newAppliance(t)
	a.setCookie = append(a.setCookie, "ticket=TICKET-JBSWY3DP; Path=/")
	client := a.client(nil)
	tx := a.begin(client)

	// A server that echoes everything it was sent, in the message, in the details, and at length.
	tell := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		sent := []any{a.take(), basic, username + ":" + password, userPassword, "TICKET-JBSWY3DP"}
		text, _ := json.Marshal(sent)
		write(w, map[string]any{"error": map[string]any{
			"type": password, "message": string(text) + strings.Repeat(" "+userPassword, 40), "details": sent,
		}})
	}
	for _, line := range []string{
		"GET " + usersPath, "POST /api/configuration/passwords", "POST " + usersPath, "PUT /api/transaction",
		"DELETE /api/transaction", "DELETE /api/active-sessions", "GET /api/audit/sessions", "GET /api/info",
		"GET /api/transaction/changes",
	} {
		a.on(line, tell)
	}
	ctx := t.Context()
	calls := []func() error{ // in this order: the password is known from the first one on
		func() error { _, err := tx.CreatePassword(ctx, userPassword); return err },
		func() error { _, err := tx.Create(ctx, sps.Users, sps.Body{"plain": userPassword}); return err },
		func() error { return tx.Verify(ctx) },
		func() error { return tx.Commit(ctx, "") },
		func() error { return tx.Rollback(ctx) },
		func() error { _, err := client.List(ctx, sps.Users); return err },
		func() error { _, err := client.Info(ctx); return err },
		func() error { _, err := client.ActiveSessions(ctx, ""); return err },
		func() error { return client.Terminate(ctx, "x") },
	}
	for i, do := range calls {
		err := do()
		if rest.As(err) == nil || !strings.Contains(err.Error(), rest.Redacted) {
			t.Errorf("call %d: nothing was cut out of %v", i, err)
			continue
		}
		for _, secret := range secrets {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("call %d shows %q: %v", i, secret, err)
			}
		}
	}
}
