// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/time/rate"

	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestUnauthorizedCallIsRepeatedOnce(t *testing.T) {
	const create = "POST " + sessionPath
	created := reply(http.StatusCreated, `{"id":"x"}`)
	tests := map[string]struct {
		answers  []http.HandlerFunc
		want     []string
		wantErr  bool
		signInBy http.HandlerFunc // the second one
	}{
		"with a fresh token and the same body": {
			answers: []http.HandlerFunc{reply(401, ""), created},
			want:    []string{appSignIn, create, appSignIn, create},
		},
		"and a second 401 is the answer": {
			answers: []http.HandlerFunc{reply(401, "")},
			want:    []string{appSignIn, create, appSignIn, create},
			wantErr: true,
		},
		"but not if the sign-in is refused": {
			answers:  []http.HandlerFunc{reply(401, "")},
			signInBy: reply(401, ""),
			want:     []string{appSignIn, create, appSignIn},
			wantErr:  true,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			server := newRecorder().on(create, inTurn(tt.answers...))
			if tt.signInBy != nil {
				server.on(appSignIn, inTurn(server.giveToken, tt.signInBy))
			}
			client := connect(t, server, appUser())
			_, err := client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
			if diff := cmp.Diff(tt.want, server.seen()); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if (err != nil) != tt.wantErr || rest.IsUnauthorized(err) != tt.wantErr || rest.IsOutcomeUnknown(err) {
				t.Errorf("got %v", err)
			}
			if len(server.calls) == 4 {
				first, second := server.calls[1], server.calls[3]
				if first.Body == "" || first.Body != second.Body || first.Authorization == second.Authorization {
					t.Errorf("repeated %+v as %+v", first, second)
				}
			}
		})
	}
}

// A call that is answered with 401 whatever the token, as documented for some, must not sign in every time.
func TestUselessFreshTokensAreNotCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rdp = "GET " + sessionPath + "/Rdp/x"
		server := newRecorder().on(rdp, reply(401, ""))
		client := connect(t, server, appUser())
		for range 4 {
			if _, err := client.RDPFile(t.Context(), "x"); !rest.IsUnauthorized(err) {
				t.Errorf("got %v", err)
			}
		}
		if got := server.count(appSignIn); got != 2 {
			t.Errorf("%d sign-ins, want 2", got)
		}
		pass(t, signInPause)
		_, _ = client.RDPFile(t.Context(), "x")
		if got := server.count(appSignIn); got != 3 {
			t.Errorf("%d sign-ins after the pause, want 3", got)
		}
	})
}

func TestRequestsPerSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := Config{URL: "https://nps.example.com", Auth: appUser(), Limiter: rate.NewLimiter(2, 2)}
		client, err := newClient(cfg, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		begin := time.Now()
		for range 5 { // and one sign-in: six requests, two of them at once
			mustVersion(t, client)
		}
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("took %s, want 2s", took)
		}
		next, err := newClient(cfg, newRecorder())
		if err != nil {
			t.Fatal(err)
		}
		defer next.Close()
		mustVersion(t, next) // with its sign-in: two requests
		if took := time.Since(begin); took != 3*time.Second {
			t.Errorf("a client in the place of another one: took %s, want 3s", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := client.Version(ctx); err == nil || rest.IsOutcomeUnknown(err) {
			t.Errorf("got %v", err)
		}
	})
}

// A sign-in that waits for its second factor does not use up the time of the call that needs it.
func TestTimeoutIsOfTheExchangeAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := newRecorder()
		server.on("POST /signin2fa", inTurn(reply(401, ""), server.giveToken))
		cfg := Config{URL: "https://nps.example.com", Auth: totpUser(), Timeout: time.Second}
		client, err := newClient(cfg, server)
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		begin := time.Now()
		mustVersion(t, client)
		if waited := time.Since(begin); waited != 30*time.Second {
			t.Errorf("waited %s for the second code", waited)
		}
	})
}

// tlsServer serves the recorder on a real socket, for tests about what was sent.
func tlsServer(t *testing.T, handler http.Handler, configure func(*tls.Config)) (url string, cfg *tls.Config) {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if configure != nil {
		configure(server.TLS)
	}
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return server.URL, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func TestOutcomeOfCreate(t *testing.T) {
	breakOff := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	hang := func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }
	tests := map[string]struct {
		answer  http.HandlerFunc
		unknown bool
	}{
		"a broken connection":     {breakOff, true},
		"no answer in time":       {hang, true},
		"500":                     {reply(500, ""), true},
		"503":                     {reply(503, "<html><title>Service Unavailable</title></html>"), true},
		"408":                     {reply(408, ""), true},
		"429":                     {reply(429, ""), true},
		"201 without an id":       {reply(201, ""), true},
		"400 is a plain refusal":  {reply(400, `{"title":"no policy"}`), false},
		"403 is a plain refusal":  {reply(403, ""), false},
		"404 is a plain refusal":  {reply(404, ""), false},
		"409 is a plain refusal":  {reply(409, ""), false},
		"422 is a plain refusal":  {reply(422, ""), false},
		"a redirect goes nowhere": {http.RedirectHandler("https://elsewhere", http.StatusFound).ServeHTTP, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			url, tlsConfig := tlsServer(t, newRecorder().on("POST "+sessionPath, tt.answer), nil)
			client, err := New(Config{URL: url, TLS: tlsConfig, Auth: appUser(), Timeout: 500 * time.Millisecond})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			mustVersion(t, client)
			_, err = client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
			if err == nil || rest.IsOutcomeUnknown(err) != tt.unknown {
				t.Errorf("unknown is %v for %v", rest.IsOutcomeUnknown(err), err)
			}
		})
	}
}

func TestCreateThatWasNeverSentHasAKnownOutcome(t *testing.T) {
	url, tlsConfig := tlsServer(t, newRecorder(), nil)
	client, err := New(Config{URL: url, TLS: tlsConfig, Auth: appUser()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = client.Create(ctx, CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
	if !errors.Is(err, context.Canceled) || rest.IsOutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
}

// The sign-in before a call is not the call: if the server is gone after it, nothing was created.
func TestCreateThatFailsAfterItsSignInHasAKnownOutcome(t *testing.T) {
	server := newRecorder()
	listener := httptest.NewUnstartedServer(server)
	listener.StartTLS()
	defer listener.Close()
	server.on(appSignIn, func(w http.ResponseWriter, req *http.Request) {
		_ = listener.Listener.Close()
		server.giveToken(w, req)
	})
	roots := x509.NewCertPool()
	roots.AddCert(listener.Certificate())
	tlsConfig := &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	client, err := New(Config{URL: listener.URL, TLS: tlsConfig, Auth: appUser()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Create(t.Context(), CreateRequest{ActivityName: "a", ManagedResourceName: "r"})
	if e := rest.As(err); e == nil || e.Path != sessionPath || rest.IsOutcomeUnknown(err) {
		t.Errorf("got %v, want a create that was not sent", err)
	}
}

func TestApplicationUserShowsItsCertificate(t *testing.T) {
	server := newRecorder()
	var shown string
	server.on(appSignIn, func(w http.ResponseWriter, req *http.Request) {
		if len(req.TLS.PeerCertificates) == 1 {
			shown = req.TLS.PeerCertificates[0].SerialNumber.Text(16)
		}
		server.giveToken(w, req)
	})
	url, tlsConfig := tlsServer(t, server, func(c *tls.Config) { c.ClientAuth = tls.RequestClientCert })
	tlsConfig.Certificates = []tls.Certificate{clientCertificate(t, big.NewInt(0xabcdef))}
	client, err := New(Config{URL: url, TLS: tlsConfig, Auth: ApplicationUser{Login: "app", APIKey: testAPIKey}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	mustVersion(t, client)
	if shown != "abcdef" || !strings.Contains(server.calls[0].Body, `"certificateSerialNumber":"ABCDEF"`) {
		t.Errorf("certificate %q, body %s", shown, server.calls[0].Body)
	}
}

func TestCertificateRefusedInTheHandshake(t *testing.T) {
	tests := map[string]struct {
		certificates []tls.Certificate
		refused      bool
	}{
		"because it is not trusted": {[]tls.Certificate{clientCertificate(t, big.NewInt(1))}, true},
		"because there is none":     {nil, false}, // nothing was sent that could have been refused
	}
	for name, c := range tests {
		t.Run(name, func(t *testing.T) {
			url, tlsConfig := tlsServer(t, newRecorder(), func(c *tls.Config) {
				c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
			})
			tlsConfig.Certificates = c.certificates
			client, err := New(Config{URL: url, TLS: tlsConfig, Auth: appUser()})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			_, err = client.Version(t.Context())
			refusal, ok := errors.AsType[*CredentialsError](err)
			if ok != c.refused || rest.IsUnauthorized(err) != c.refused || ok && refusal.Reason != ReasonCertificate {
				t.Errorf("got %v", err)
			}
			if !c.refused && rest.CauseOf(err) != rest.CauseHandshake {
				t.Errorf("the cause of %v is %d", err, rest.CauseOf(err))
			}
		})
	}
}

// A server whose certificate is not trusted gets no password, and no second chance in the same call.
func TestServerThatIsNotTrusted(t *testing.T) {
	server := newRecorder()
	url, _ := tlsServer(t, server, nil)
	client, err := New(Config{URL: url, Auth: User{Username: "u", Password: testPassword}})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	_, err = client.Version(t.Context())
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); !ok || rest.IsUnauthorized(err) {
		t.Errorf("got %v", err)
	}
	if len(server.seen()) != 0 {
		t.Errorf("sent %v", server.seen())
	}
}
