// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const (
	appSignIn = "POST /WebAppApi/api/v1/AppUserToken"
	renewal   = "GET /api/v1/UserToken"
)

func mustVersion(t *testing.T, client *Client) {
	t.Helper()
	if _, err := client.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestRenewal(t *testing.T) {
	tests := map[string]struct {
		life    time.Duration // of each token; 0 means that it is not in the token
		renewed time.Duration // when the first one is due
	}{
		"a long life ends seven minutes early":  {time.Hour, 53 * time.Minute},
		"a short life is renewed at its middle": {10 * time.Minute, 5 * time.Minute},
		"an unknown life is five minutes":       {0, 5 * time.Minute},
		"an end that is past counts as unknown": {-time.Hour, 5 * time.Minute},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder()
				server.tokenAt = func(n int) string {
					if tt.life == 0 {
						return "a.b." + strings.Repeat("c", n)
					}
					return testToken(n, time.Now().Add(tt.life))
				}
				client := connect(t, server, appUser())
				if !client.TokenExpiresAt().IsZero() {
					t.Error("an end before there is a token")
				}
				mustVersion(t, client)
				first := server.last().Authorization
				pass(t, tt.renewed-time.Second)
				mustVersion(t, client)
				if server.count(renewal) != 0 {
					t.Error("renewed too early")
				}
				pass(t, time.Second)
				mustVersion(t, client)
				if server.count(renewal) != 1 || server.count(appSignIn) != 1 || server.last().Authorization == first {
					t.Errorf("not renewed: %v", server.seen())
				}
			})
		})
	}
}

func TestRenewalThatFails(t *testing.T) {
	tests := map[string]struct {
		answer, signIn http.HandlerFunc // to renewals, and to sign-ins after the first
		after          time.Duration
		wantSignIns    int
		wantErr        bool
	}{
		"leads to a sign-in": {reply(401, ""), nil, 8 * time.Minute, 2, false},
		"without a token in its answer leads to a sign-in": {reply(200, ""), nil, 8 * time.Minute, 2, false},
		"leaves the old token in use while it lives":       {reply(500, ""), reply(403, ""), 8 * time.Minute, 2, false},
		"is not tried with a token that is over":           {reply(200, "never"), nil, 16 * time.Minute, 2, false},
		"is reported when the old token is over":           {reply(500, ""), reply(403, ""), 16 * time.Minute, 2, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder().on(renewal, tt.answer)
				client := connect(t, server, appUser())
				mustVersion(t, client)
				if tt.signIn != nil {
					server.on(appSignIn, tt.signIn)
				}
				pass(t, tt.after)
				if _, err := client.Version(t.Context()); (err != nil) != tt.wantErr {
					t.Errorf("got %v", err)
				}
				if got := server.count(appSignIn); got != tt.wantSignIns {
					t.Errorf("%d sign-ins, want %d", got, tt.wantSignIns)
				}
				if tt.after > 15*time.Minute && server.count(renewal) != 0 {
					t.Error("a token that is over was to be renewed")
				}
			})
		})
	}
}

// A server that cannot renew must not get a renewal request with every call until the old token expires.
func TestRenewalThatFailsPauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRecorder().on(renewal, reply(500, ""))
		client := connect(t, server, appUser())
		mustVersion(t, client)
		server.on(appSignIn, reply(403, ""))
		pass(t, 8*time.Minute)
		for range 5 {
			mustVersion(t, client)
		}
		if server.count(renewal) != 1 || server.count(appSignIn) != 2 {
			t.Errorf("sent %v", server.seen())
		}
		pass(t, renewalPause)
		mustVersion(t, client)
		if server.count(renewal) != 2 || server.count(appSignIn) != 2 {
			t.Errorf("after the pause, a renewal but no sign-in within the hold-off: %v", server.seen())
		}
	})
}

func TestManyCallersOneSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, open := newRecorder(), make(chan struct{})
		server.on(appSignIn, func(w http.ResponseWriter, req *http.Request) {
			<-open
			server.giveToken(w, req)
		})
		client := connect(t, server, appUser())
		var callers sync.WaitGroup
		for range 20 {
			callers.Go(func() {
				if _, err := client.Version(context.Background()); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait() // all are waiting
		close(open)
		callers.Wait()
		if server.count(appSignIn) != 1 || server.count(version) != 20 {
			t.Errorf("%d sign-ins for %d calls", server.count(appSignIn), server.count(version))
		}
	})
}

// A caller that finds no token may get to start a flight only after another one has finished.
func TestAFlightChecksForATokenFirst(t *testing.T) {
	server := newRecorder()
	client := connect(t, server, appUser())
	mustVersion(t, client)
	got, err := client.tokens.refresh(t.Context())
	if err != nil || got.raw != server.last().Authorization[len("Bearer "):] || server.count(appSignIn) != 1 {
		t.Errorf("got %v after %v", err, server.seen())
	}
}

// The caller that starts a sign-in may leave; the callers that wait with it must not notice.
func TestSignInOutlivesItsFirstCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRecorder()
		client := connect(t, server, totpUser())
		server.on("POST /signin2fa", inTurn(reply(500, ""), server.giveToken))
		ctx, leave := context.WithCancel(t.Context())
		first, second := make(chan error), make(chan error)
		ask := func(ctx context.Context, result chan<- error) {
			_, err := client.Version(ctx)
			result <- err
		}
		go ask(ctx, first)
		synctest.Wait()
		go ask(t.Context(), second)
		synctest.Wait()
		leave()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v", err)
		}
		if err := <-second; err != nil {
			t.Errorf("the second caller got %v", err)
		}
		if got := server.count("POST /signinBody"); got != 2 {
			t.Errorf("%d sign-ins, want one and its repetition", got)
		}
	})
}

func TestCloseAbandonsASignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRecorder().on(appSignIn, reply(500, ""))
		client := connect(t, server, appUser())
		result := make(chan error)
		go func() {
			_, err := client.Version(t.Context())
			result <- err
		}()
		synctest.Wait() // it waits to repeat
		client.Close()
		if err := <-result; !errors.Is(err, errClosed) {
			t.Errorf("got %v", err)
		}
		if server.count(appSignIn) != 1 {
			t.Error("the sign-in went on")
		}
	})
}
