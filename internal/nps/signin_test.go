// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const version = "GET /api/v1/Version"

func TestSignInOfAUser(t *testing.T) {
	tests := map[string]struct {
		user User
		code string
	}{
		"without a second factor": {User{Username: `LAB\svc`, Password: testPassword}, "0"},
		"with a fixed code":       {User{Username: `LAB\svc`, Password: testPassword, MFACode: "push"}, "push"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on("POST /signinBody", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Add("Set-Cookie", "mfa=abc; Path=/; HttpOnly; Secure")
				w.Header().Add("Set-Cookie", "old=; Max-Age=0")
				w.Header().Add("Set-Cookie", "lang=en")
				_, _ = io.WriteString(w, "first.stage.token\r\n") // bare text
			})
			if _, err := connect(t, server, tt.user).Version(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := []call{
				{
					Method: "POST", Target: "/signinBody", Accept: "application/json", ContentType: "application/json",
					Body: `{"Login":"LAB\\svc","Password":"` + testPassword + `"}`,
				},
				{
					Method: "POST", Target: "/signin2fa", Accept: "application/json", ContentType: "application/json",
					Authorization: "Bearer first.stage.token", Cookie: "mfa=abc; lang=en", Body: tt.code,
				},
				{
					Method: "GET", Target: "/api/v1/Version", Accept: "application/json",
					Authorization: "Bearer " + server.tokenAt(1),
				},
			}
			if diff := cmp.Diff(want, server.calls); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSignInOfAnApplication(t *testing.T) {
	server := newRecorder().on(appSignIn, reply(http.StatusOK, "a.b.c"))
	cfg := Config{URL: "https://nps.example.com:6500", Auth: appUser()}
	client, err := newClient(cfg, server)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Version(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := call{
		Method: "POST", Target: "/WebAppApi/api/v1/AppUserToken", Accept: "application/json", ContentType: "application/json",
		Body: `{"login":"app","password":"key\\with\\backslashes-canary","certificateSerialNumber":"0A1B2C"}`,
	}
	if diff := cmp.Diff(want, server.calls[0]); diff != "" {
		t.Errorf("request (-want +got):\n%s", diff)
	}
	if got := server.last().Authorization; got != "Bearer a.b.c" {
		t.Errorf("authorization %q", got)
	}
}

// TestRefusedLogIn proves that every kind of refusal is named, that it counts as unauthorized whatever its
// status, and that nothing is sent again before the pause is over.
func TestRefusedLogIn(t *testing.T) {
	fixed := User{Username: "u", Password: testPassword, MFACode: "123456"}
	const signinBody, signin2fa = "POST /signinBody", "POST /signin2fa"
	tests := map[string]struct {
		auth   Auth
		route  string
		answer http.HandlerFunc
		want   CredentialsReason
	}{
		"a wrong password":             {fixed, signinBody, reply(401, ""), ReasonWrongPassword},
		"a password refused by 400":    {fixed, signinBody, reply(400, `{"title":"Invalid login"}`), ReasonWrongPassword},
		"a locked account":             {fixed, signinBody, reply(403, "The account is locked out."), ReasonAccountLocked},
		"a locked account by status":   {fixed, signinBody, reply(423, ""), ReasonAccountLocked},
		"an empty first answer":        {fixed, signinBody, reply(200, ""), ReasonEmptyAnswer},
		"a page instead of a token":    {fixed, signinBody, reply(200, "<html></html>"), ReasonEmptyAnswer},
		"a wrong code that is fixed":   {fixed, signin2fa, reply(401, "Invalid MFA code"), ReasonWrongCode},
		"an empty second answer":       {fixed, signin2fa, reply(200, `""`), ReasonEmptyAnswer},
		"a wrong API key":              {appUser(), appSignIn, reply(401, ""), ReasonAPIKey},
		"a certificate not trusted":    {appUser(), appSignIn, reply(403, ""), ReasonCertificate},
		"a certificate that is absent": {appUser(), appSignIn, reply(401, "client certificate required"), ReasonCertificate},
		"a serial number that differs": {
			appUser(), appSignIn, reply(403, `{"detail":"Serial number mismatch"}`), ReasonSerialNumber,
		},
		"a locked application":         {appUser(), appSignIn, reply(403, "user locked"), ReasonAccountLocked},
		"an application without token": {appUser(), appSignIn, reply(200, "null"), ReasonEmptyAnswer},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder().on(tt.route, tt.answer)
				client := connect(t, server, tt.auth)
				_, err := client.Version(t.Context())
				refusal, ok := errors.AsType[*CredentialsError](err)
				if !ok {
					t.Fatalf("got %v, want a refused log-in", err)
				}
				if refusal.Reason != tt.want || !rest.IsUnauthorized(err) || !rest.IsUnauthorized(refusal) {
					t.Errorf("got %v, want reason %s as unauthorized", err, tt.want)
				}
				if !strings.Contains(err.Error(), advice[tt.want]) {
					t.Errorf("%v does not say what to fix", err)
				}
				sent := len(server.seen())

				pass(t, 15*time.Minute-time.Second)
				if _, again := client.Version(t.Context()); again == nil || again.Error() != err.Error() {
					t.Errorf("within the hold-off: %v", again)
				}
				if len(server.seen()) != sent {
					t.Errorf("within the hold-off: sent %v", server.seen()[sent:])
				}

				pass(t, 2*time.Second)
				_, _ = client.Version(t.Context())
				if len(server.seen()) == sent {
					t.Error("nothing was tried after the hold-off")
				}
			})
		})
	}
}

func TestANewClientDoesNotWaitForThePause(t *testing.T) {
	server := newRecorder().on("POST /signinBody", inTurn(reply(401, ""), reply(200, "a.b.c")))
	user := User{Username: "u", Password: testPassword}
	if _, err := connect(t, server, user).Version(t.Context()); err == nil {
		t.Fatal("the first log-in was accepted")
	}
	if _, err := connect(t, server, user).Version(t.Context()); err != nil {
		t.Error(err)
	}
}

// A client that replaces another one, because a Secret or a CA has changed, has no code to send before the next step
// begins.
func TestNoCodeIsSentTwiceAlsoByClientsThatFollowEachOther(t *testing.T) {
	tests := map[string]struct {
		url  string
		want time.Duration // how long the second client waits
	}{
		"of the same server":   {"https://NPS.example.com", 30 * time.Second},
		"of different servers": {"https://other.example.com", 0},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, used, begin := newRecorder(), &UsedCodes{}, time.Now()
				for _, url := range []string{"https://nps.example.com", tt.url} {
					client, err := newClient(Config{URL: url, Auth: totpUser(), UsedCodes: used}, server)
					if err != nil {
						t.Fatal(err)
					}
					mustVersion(t, client)
					client.Close()
				}
				if waited := time.Since(begin); waited != tt.want {
					t.Errorf("waited %s, want %s", waited, tt.want)
				}
			})
		})
	}
}

func TestSecondCodeAfterARefusedOne(t *testing.T) {
	tests := map[string]struct {
		answers   func(server *recorder) http.HandlerFunc
		wantCodes int
		wantErr   bool
	}{
		"the second code is good": {
			func(s *recorder) http.HandlerFunc { return inTurn(reply(401, ""), s.giveToken) }, 2, false,
		},
		"the second code is refused too, and there is no third": {
			func(*recorder) http.HandlerFunc { return reply(401, "") }, 2, true,
		},
		"a server in trouble gets a new code each time": {
			func(s *recorder) http.HandlerFunc { return inTurn(reply(500, ""), reply(502, ""), s.giveToken) }, 3, false,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder()
				server.on("POST /signin2fa", tt.answers(server))
				_, err := connect(t, server, totpUser()).Version(t.Context())
				if (err != nil) != tt.wantErr {
					t.Errorf("got %v", err)
				}
				codes := map[string]bool{}
				for _, c := range server.calls {
					if c.Target == "/signin2fa" {
						codes[c.Body] = true
					}
				}
				if len(codes) != tt.wantCodes || server.count("POST /signin2fa") != tt.wantCodes {
					t.Errorf("%d codes in %d tries, want %d", len(codes), server.count("POST /signin2fa"), tt.wantCodes)
				}
			})
		})
	}
}

// The expiry of an application's token is also by the server's clock.
func TestApplicationGoesByTheServersClock(t *testing.T) {
	for name, ahead := range map[string]time.Duration{"ahead": 2 * time.Hour, "behind": -2 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder()
				server.on(appSignIn, func(w http.ResponseWriter, _ *http.Request) {
					now := time.Now().Add(ahead)
					w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
					_, _ = io.WriteString(w, quoted(testToken(1, now.Add(15*time.Minute))))
				})
				client := connect(t, server, appUser())
				mustVersion(t, client)
				if want := time.Now().Add(15 * time.Minute); !client.TokenExpiresAt().Equal(want) {
					t.Errorf("expires at %s by the local clock, want %s", client.TokenExpiresAt(), want)
				}
			})
		})
	}
}

// The server's clock decides which code is right, and when a token ends.
func TestSignInGoesByTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const ahead = 2*time.Hour + 10*time.Second
		dated := func(next http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, req *http.Request) {
				w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
				next(w, req)
			}
		}
		server := newRecorder()
		server.tokenAt = func(n int) string { return testToken(n, time.Now().Add(ahead+15*time.Minute)) }
		server.on("POST /signinBody", dated(reply(200, "a.b.c"))).on("POST /signin2fa", dated(server.giveToken))
		client := connect(t, server, totpUser())
		if _, err := client.Version(t.Context()); err != nil {
			t.Fatal(err)
		}
		codes, err := newTOTPCodes(testSeed, func() time.Time { return time.Now().Add(ahead) })
		if err != nil {
			t.Fatal(err)
		}
		if want, _ := codes.next(t.Context()); server.calls[1].Body != want {
			t.Errorf("code %s, want %s", server.calls[1].Body, want)
		}
		if want := time.Now().Add(15 * time.Minute); !client.TokenExpiresAt().Equal(want) {
			t.Errorf("expires at %s by the local clock, want %s", client.TokenExpiresAt(), want)
		}
	})
}

func TestSignInMeetsAServerInTrouble(t *testing.T) {
	tests := map[string]struct {
		answers []int // 0: none in time
		tries   int
		takes   time.Duration
		wantErr bool
	}{
		"three failures are ridden out":   {[]int{500, 503, 429}, 4, 7 * time.Second, false},
		"the fourth one is reported":      {[]int{500, 500, 500, 500}, 4, 7 * time.Second, true},
		"a wrong path is not tried again": {[]int{404}, 1, 0, true},
		"silence is not asked again":      {[]int{0}, 1, rest.DefaultTimeout, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server := newRecorder()
				var answers []http.HandlerFunc
				for _, status := range tt.answers {
					answer := reply(status, "")
					if status == 0 {
						answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
					}
					answers = append(answers, answer)
				}
				server.on(appSignIn, inTurn(append(answers, server.giveToken)...))
				begin := time.Now()
				client := connect(t, server, appUser())
				_, err := client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
				server.on("POST "+sessionPath, reply(201, `{"id":"x"}`))
				if server.count(appSignIn) != tt.tries || time.Since(begin) != tt.takes {
					t.Errorf("%d tries in %s, want %d in %s", server.count(appSignIn), time.Since(begin), tt.tries, tt.takes)
				}
				if tt.wantErr != (server.count("POST "+sessionPath) == 0) {
					t.Errorf("sent %v", server.seen())
				}
				if tt.wantErr && (err == nil || rest.IsUnauthorized(err) || rest.IsRejected(err) || rest.IsOutcomeUnknown(err)) {
					t.Errorf("a failed sign-in must be transient and have done nothing: %v", err)
				}
				if _, err := client.Version(t.Context()); err != nil {
					t.Errorf("the next call: %v", err)
				}
			})
		})
	}
}
