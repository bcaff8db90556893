// SPDX-License-Identifier: Apache-2.0

package contract_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

func TestNPSVersionNeedsOneLogIn(t *testing.T) {
	onEveryNPS(t, func(s *server) {
		var callers sync.WaitGroup
		for range 8 {
			callers.Go(func() {
				version, err := s.client.Version(s.Context())
				if err != nil || !strings.Contains(version, ".") {
					s.Errorf("version %q, error %v", version, err)
				}
			})
		}
		callers.Wait()
		if !s.isReal() && s.sim.Stats().AppTokens != 1 {
			s.Errorf("%d sign-ins, want 1", s.sim.Stats().AppTokens)
		}
	})
}

func TestNPSKindsOfLogIn(t *testing.T) {
	uri := totpUser()
	uri.TOTPSecret = "otpauth://totp/NPS:svc?secret=" + strings.ToLower(uri.TOTPSecret) + "&period=30&digits=6"
	upn := plainUser()
	upn.Username = "svc-nomfa@LAB"
	logIns := map[string]nps.Auth{
		"an application":                   nil,
		"a user with codes that change":    totpUser(),
		"a user with the key in a URI":     uri,
		"a user with a fixed code":         admin(),
		"a user without a second factor":   plainUser(),
		"a user by his principal name":     upn,
		"a code where none would be asked": nps.User{Username: upn.Username, Password: upn.Password, MFACode: "NA"},
	}
	answers := map[string]func(*simnps.Switches){
		"as JSON":                     func(*simnps.Switches) {},
		"as text":                     func(sw *simnps.Switches) { sw.TextFormat = simnps.TextPlain },
		"as asked for":                func(sw *simnps.Switches) { sw.TextFormat = simnps.TextNegotiated },
		"with a cookie":               func(sw *simnps.Switches) { sw.CookieRequired = true },
		"without the claims we read":  func(sw *simnps.Switches) { sw.OmitClaims = []string{"exp", "ManagedAccountId"} },
		"by a clock that is far off":  func(sw *simnps.Switches) { sw.ClockSkew = simnps.Duration(90 * time.Minute) },
		"with tokens that live short": func(sw *simnps.Switches) { sw.TokenLifetime = simnps.Duration(time.Minute) },
	}
	for name, auth := range logIns {
		for answer, change := range answers {
			t.Run(name+", answered "+answer, func(t *testing.T) {
				onSimulatedNPS(t, needsCatalogue, func(s *server) {
					s.set(change)
					s.moveWithCodes()
					client := s.client
					if auth != nil {
						client = s.connect(as(auth))
					}
					version, err := client.Version(s.Context())
					s.must(err)
					if version != "25.12.00002" {
						s.Errorf("version %q", version)
					}
					s.wantCleanLogIn()
				})
			})
		}
	}
}

func (s *server) wantCleanLogIn() {
	s.Helper()
	if got := s.sim.Stats(); got.FailedSignIns+got.FailedSecondFactors+got.FailedAppTokens != 0 {
		s.Errorf("log-ins failed: %+v", got)
	}
}

// refusedLogIn is a log-in that the server does not accept.
type refusedLogIn struct {
	auth     nps.Auth
	tls      func(cfg *tls.Config)
	sim      func(s *server)
	want     nps.CredentialsReason
	attempts int // 1 if it is 0
}

const logInCanary = "log-in-canary"

func refusedLogIns() map[string]refusedLogIn {
	app := func(change func(u *nps.ApplicationUser)) nps.ApplicationUser {
		u := nps.ApplicationUser{Login: simnps.DefaultApplication, APIKey: simnps.DefaultAPIKey}
		change(&u)
		return u
	}
	user := func(u nps.User, change func(u *nps.User)) nps.User {
		change(&u)
		return u
	}
	return map[string]refusedLogIn{
		"a wrong password": {
			auth: user(totpUser(), func(u *nps.User) { u.Password = logInCanary }), want: nps.ReasonWrongPassword,
		},
		"an unknown user": {
			auth: user(totpUser(), func(u *nps.User) { u.Username = "LAB\\nobody" }), want: nps.ReasonWrongPassword,
		},
		"a wrong fixed code": {
			auth: user(admin(), func(u *nps.User) { u.MFACode = logInCanary }), want: nps.ReasonWrongCode,
		},
		"a wrong key for codes": { // another code is tried once, because clocks differ
			auth: user(totpUser(), func(u *nps.User) { u.TOTPSecret = strings.Repeat("MFRGGZDF", 4) }),
			want: nps.ReasonWrongCode, attempts: 2,
		},
		"no code where one is asked for": {
			auth: user(totpUser(), func(u *nps.User) { u.TOTPSecret = "" }), want: nps.ReasonWrongCode,
		},
		"an account that is locked": {
			auth: admin(), sim: func(s *server) {
				s.fail(fault.Rule{
					Name: "locked", Path: "^/signinBody$", Status: http.StatusForbidden,
					Body: `{"title":"Forbidden","detail":"The account is locked out."}`,
				})
			}, want: nps.ReasonAccountLocked, attempts: 1,
		},
		"an application without a certificate": {
			auth: app(func(u *nps.ApplicationUser) { u.SerialNumber = "0A1B2C" }),
			tls:  func(cfg *tls.Config) { cfg.Certificates = nil }, want: nps.ReasonCertificate,
		},
		"an application with another certificate": {
			auth: app(func(*nps.ApplicationUser) {}),
			sim:  func(s *server) { s.must(s.sim.SetApplicationSerial(simnps.DefaultApplication, "0A1B2C")) },
			want: nps.ReasonSerialNumber,
		},
		"an application with another serial number": {
			auth: app(func(u *nps.ApplicationUser) { u.SerialNumber = "0A1B2C" }), want: nps.ReasonSerialNumber,
		},
		"an application with a wrong key": {
			auth: app(func(u *nps.ApplicationUser) { u.APIKey = logInCanary }), want: nps.ReasonAPIKey,
		},
		"an application that does not exist": {
			auth: app(func(u *nps.ApplicationUser) { u.Login = "nobody" }), want: nps.ReasonAPIKey,
		},
		"an answer without a token": {
			auth: user(plainUser(), func(u *nps.User) { u.Password = logInCanary }),
			sim:  func(s *server) { s.set(func(sw *simnps.Switches) { sw.SignInFailureStatus = http.StatusOK }) },
			want: nps.ReasonEmptyAnswer,
		},
		"a page instead of a token": {
			auth: plainUser(), sim: func(s *server) {
				s.fail(fault.Rule{Name: "page", Path: "^/signin", Status: http.StatusOK, Body: htmlPage})
			}, want: nps.ReasonEmptyAnswer,
		},
	}
}

func TestNPSRefusedLogIns(t *testing.T) {
	for name, tc := range refusedLogIns() {
		t.Run(name, func(t *testing.T) {
			onSimulatedNPS(t, locksAccount, func(s *server) { s.refusedLogIn(tc) })
		})
	}
}

func (s *server) refusedLogIn(tc refusedLogIn) {
	s.Helper()
	if tc.sim != nil {
		tc.sim(s)
	}
	client := s.connect(as(tc.auth), func(c *nps.Config) {
		if tc.tls != nil {
			tc.tls(c.TLS)
		}
	})
	s.moveWithCodes()
	for range 3 {
		_, err := client.Version(s.Context())
		s.wantCredentialsError(err, tc.want)
		_, err = client.Create(s.Context(), ask(linuxRoot, linuxHost))
		s.wantCredentialsError(err, tc.want)
		if rest.IsOutcomeUnknown(err) {
			s.Errorf("%v claims that a session may have been created", err)
		}
		s.clock.Step(4 * time.Minute)
	}
	s.wantAttempts(max(1, tc.attempts))
	s.clock.Step(15 * time.Minute)
	_, err := client.Version(s.Context())
	s.wantCredentialsError(err, tc.want)
	s.wantAttempts(2 * max(1, tc.attempts))
}

// moveWithCodes moves the clock with every code, so that no client waits for the next one.
func (s *server) moveWithCodes() {
	s.sim.Faults().OnRequest(func(r *http.Request) {
		if r.URL.Path == "/signin2fa" {
			s.clock.Step(totpStep)
		}
	})
}

func (s *server) wantCredentialsError(err error, want nps.CredentialsReason) {
	s.Helper()
	refusal, ok := errors.AsType[*nps.CredentialsError](err)
	if !ok || refusal.Reason != want || !rest.IsUnauthorized(err) {
		s.Fatalf("error %v, want %s", err, want)
	}
	if strings.Contains(fmt.Sprintf("%v %+v", err, refusal), logInCanary) {
		s.Fatalf("the error contains the secret")
	}
}

// wantAttempts counts log-ins by their first call.
func (s *server) wantAttempts(want int) {
	s.Helper()
	got := s.sim.Faults().Count(http.MethodPost, "^/signinBody$|^/WebAppApi/")
	if got != want {
		s.Fatalf("%d log-ins, want %d", got, want)
	}
}

func TestNPSStatusOfARefusedLogIn(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			onSimulatedNPS(t, locksAccount, func(s *server) {
				s.set(func(sw *simnps.Switches) { sw.SignInFailureStatus = status })
				password, code := admin(), admin()
				password.Password, code.MFACode = logInCanary, logInCanary
				_, err := s.connect(as(password)).Version(s.Context())
				s.wantCredentialsError(err, nps.ReasonWrongPassword)
				_, err = s.connect(as(code)).Version(s.Context())
				s.wantCredentialsError(err, nps.ReasonWrongCode)
			})
		})
	}
}

// TestNPSLockOutIsNotProvoked brings an account to the brink of a lockout; the client does not trigger it.
func TestNPSLockOutIsNotProvoked(t *testing.T) {
	onSimulatedNPS(t, locksAccount, func(s *server) {
		wrong := plainUser()
		wrong.Password = logInCanary
		client := s.connect(as(wrong))
		for range 50 {
			_, err := client.Version(s.Context())
			s.wantCredentialsError(err, nps.ReasonWrongPassword)
		}
		_, err := s.connect(as(plainUser())).Version(s.Context())
		s.must(err)
		s.wantAttempts(2)
	})
}

func TestNPSSecondCode(t *testing.T) {
	onSimulatedNPS(t, "uses up codes", func(s *server) {
		s.moveWithCodes()
		for range 3 { // each with a code of its own, because codes work once
			_, err := s.connect(as(totpUser())).Version(s.Context())
			s.must(err)
			s.clock.Step(totpStep)
		}
		s.wantCleanLogIn()
		if got := s.sim.Stats().SecondFactors; got != 3 {
			s.Errorf("%d second factors, want 3", got)
		}
	})
}
