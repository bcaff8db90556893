// SPDX-License-Identifier: Apache-2.0

package probe_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/controller/probe"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// applianceCredential is what the simulated appliance accepts.
const applianceCredential = "operators-password"

var update = flag.Bool("update", false, "regenerate docs/errors.md")

const (
	unreachable  = "Unreachable"
	unauthorised = "Unauthorized"
	rejected     = "Rejected"
)

// Who acts.
const (
	nobody     = "no one; it is retried"
	network    = "no one at first; if it persists, the administrator of the network or the server"
	owner      = "the owner of the connection"
	ownerTLS   = "the owner of the connection (`spec.tls`), or the server's administrator"
	ownerURL   = "the owner of the connection: check `spec.url`"
	ownerLogIn = "the owner of the connection: fix the Secret with the credentials"
	rights     = "an administrator of the appliance or server: grant the operator's account the right"
)

// failure is something that a server does, and its consequences.
type failure struct {
	does string
	// rule causes it at the log-in or at a later call; wires causes it in the connection itself.
	rule  fault.Rule
	wires func(*wiring)
	// certificate says that the client logs in with one.
	certificate bool
	// atLogIn and atCall are the reasons, the same for both vendors except for ofSPS; empty is not tried. The reasons of
	// connection and object are equal.
	atLogIn, atCall string
	// ofSPS is the reason at the log-in of SPS if the vendors' documents differ.
	ofSPS string
	who   string
}

// atLogInOf is the reason that a vendor's log-in leads to. A successful answer without a token is a failed sign-in for
// NPS (docs/vendors/nps.md 13 Q1), which may lock the account; the log-in of SPS fails with a status of its own
// (docs/vendors/sps.md 1.12).
func (m failure) atLogInOf(vendor string) string {
	if vendor == "SPS" && m.ofSPS != "" {
		return m.ofSPS
	}
	return m.atLogIn
}

// wiring is the TLS configuration of a connection to a server.
type wiring struct {
	server *tls.Config
	client *tls.Config
	// own is the template of the server's own certificate.
	own x509.Certificate
	// closed says that nothing listens.
	closed bool
}

const htmlPage = "<html><body>the service is unavailable</body></html>"

func answer(status int, body string) fault.Rule {
	return fault.Rule{Status: status, Body: body, Header: map[string]string{"Content-Type": "text/html"}}
}

var failures = []failure{
	{does: "answers 400", rule: answer(400, ""), atLogIn: unauthorised, atCall: rejected,
		who: "the owner of the connection, or the author of the object"},
	{does: "answers 401: wrong credentials, or a blocked account or address", rule: answer(401, ""),
		atLogIn: unauthorised, atCall: unauthorised, who: ownerLogIn},
	{does: "answers 403", rule: answer(403, ""), atLogIn: unauthorised, atCall: unauthorised, who: rights},
	{does: "answers 404", rule: answer(404, htmlPage), atLogIn: unreachable, atCall: unreachable, who: ownerURL},
	{does: "answers 405", rule: answer(405, htmlPage), atLogIn: unreachable, atCall: rejected, who: ownerURL},
	{does: "answers 409", rule: answer(409, ""), atLogIn: unreachable, atCall: unreachable, who: nobody},
	{does: "answers 429", rule: answer(429, ""), atLogIn: unreachable, atCall: unreachable, who: nobody},
	{does: "answers 500", rule: answer(500, ""), atLogIn: unreachable, atCall: unreachable, who: network},
	{does: "answers 502 with a proxy's error page", rule: answer(502, htmlPage),
		atLogIn: unreachable, atCall: unreachable, who: network},
	{does: "answers 503 with a proxy's error page", rule: answer(503, htmlPage),
		atLogIn: unreachable, atCall: unreachable, who: network},
	{does: "redirects", rule: fault.Rule{Status: 302, Header: map[string]string{"Location": "/log-in"}},
		atLogIn: unreachable, atCall: unreachable, who: ownerURL},
	{does: "answers 200 with a web page instead of JSON", rule: answer(200, htmlPage),
		atLogIn: unauthorised, ofSPS: unreachable, atCall: unreachable, who: ownerURL},
	{does: "answers 200 with an empty body", rule: answer(200, ""),
		atLogIn: unauthorised, ofSPS: unreachable, atCall: unreachable, who: ownerURL},
	{does: "cuts an answer in the middle", rule: fault.Rule{Drop: fault.DropHalf},
		atCall: unreachable, who: network},
	{does: "answers more than `limits.maxResponseSize`", rule: answer(200, `"`+strings.Repeat("x", 8<<20)+`"`),
		atCall: unreachable, who: owner},
	{does: "resets the connection", rule: fault.Rule{Drop: fault.DropBefore},
		atLogIn: unreachable, atCall: unreachable, who: network},
	{does: "does not answer in time", rule: fault.Rule{Delay: fault.Duration(2 * time.Second)},
		atLogIn: unreachable, atCall: unreachable, who: network},
	{does: "refuses the connection", wires: func(w *wiring) { w.closed = true }, atLogIn: unreachable, who: network},
	{does: "has a certificate of an unknown authority", wires: func(w *wiring) { w.client.RootCAs = x509.NewCertPool() },
		atLogIn: unreachable, who: ownerTLS},
	{does: "has a certificate for another name", wires: func(w *wiring) { w.client.ServerName = "other.example.com" },
		atLogIn: unreachable, who: ownerTLS},
	{does: "has an expired certificate", wires: func(w *wiring) { w.own.NotAfter = time.Now().Add(-time.Hour) },
		atLogIn: unreachable, who: ownerTLS},
	{does: "requires a client certificate, and gets none", wires: func(w *wiring) {
		w.server.ClientAuth = tls.RequireAnyClientCert
	}, atLogIn: unreachable, who: ownerTLS}, // no credentials were sent, so none were refused
	{does: "does not trust the client certificate", certificate: true, wires: func(w *wiring) {
		w.server.ClientAuth, w.server.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
	}, atLogIn: unauthorised, who: ownerLogIn},
	{does: "finds the client certificate expired", certificate: true, wires: func(w *wiring) {
		issued := builder.Certificate(x509.Certificate{NotAfter: time.Now().Add(-time.Hour)})
		w.client.Certificates = []tls.Certificate{issued}
		w.server.ClientAuth, w.server.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		w.server.ClientCAs.AddCert(issued.Leaf)
	}, atLogIn: unauthorised, who: ownerLogIn},
}

// vendor is one of the two clients, with a server for it.
type vendor struct {
	handler http.Handler
	faults  *fault.Injector
	// logIn and call are the paths of its log-in and of its call after that.
	logIn, call string
	// ask logs in and calls.
	ask func(ctx context.Context, url string, t *tls.Config, certificate bool) error
}

// briefly is the time-out of a call.
const briefly = 500 * time.Millisecond

func vendors() map[string]vendor {
	appliance := simsps.New(simsps.Options{Users: map[string]string{"operator": applianceCredential}})
	server := simnps.New(simnps.Options{})
	return map[string]vendor{
		"SPS": {
			handler: appliance.Handler(), faults: appliance.Faults(), logIn: "^/api/authentication", call: "^/api/config",
			ask: func(ctx context.Context, url string, t *tls.Config, certificate bool) error {
				c, err := sps.New(sps.Config{
					URL: url, TLS: t, Username: "operator", Password: applianceCredential, X509: certificate, Timeout: briefly,
				})
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Get(ctx, sps.Users, "-1")
				return err
			},
		},
		"NPS": {
			handler: server.Handler(), faults: server.Faults(), logIn: "^/(signinBody|WebAppApi)", call: "^/api/",
			ask: func(ctx context.Context, url string, t *tls.Config, certificate bool) error {
				cfg := nps.Config{URL: url, TLS: t, Timeout: briefly, Auth: nps.User{
					Username: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword,
				}}
				if certificate {
					cfg.Auth = nps.ApplicationUser{Login: "app", APIKey: simnps.DefaultAPIKey}
				}
				c, err := nps.New(cfg)
				if err != nil {
					return err
				}
				defer c.Close()
				_, err = c.Get(ctx, "11111111-1111-1111-1111-111111111111")
				return err
			},
		},
	}
}

// provoke lets a client meet a failure and returns its error.
func (v vendor) provoke(t *testing.T, m failure, path string) error {
	t.Helper()
	v.faults.Clear()
	if m.wires == nil {
		rule := m.rule
		rule.Name, rule.Path = "failure", path
		if err := v.faults.Set(rule); err != nil {
			t.Fatal(err)
		}
	}
	w := &wiring{server: &tls.Config{MinVersion: tls.VersionTLS12}, client: &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: "server.example.com",
	}}
	if m.certificate {
		w.client.Certificates = []tls.Certificate{builder.Certificate(x509.Certificate{})}
	}
	if m.wires != nil {
		m.wires(w)
	}
	own := builder.Certificate(w.own)
	w.server.Certificates = []tls.Certificate{own}
	if w.client.RootCAs == nil {
		w.client.RootCAs = x509.NewCertPool()
		w.client.RootCAs.AddCert(own.Leaf)
	}
	server := httptest.NewUnstartedServer(v.handler)
	server.TLS, server.Config.ErrorLog = w.server, log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	url := server.URL
	if w.closed {
		listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		url = "https://" + listener.Addr().String()
		_ = listener.Close()
	}
	err := v.ask(t.Context(), url, w.client, m.certificate)
	if err == nil {
		t.Fatalf("%s: success, want an error", m.does)
	}
	return err
}

// Both clients meet the same failures, and must classify them alike. docs/errors.md is generated from the same table.
func TestBothClientsJudgeAlike(t *testing.T) {
	for name := range vendors() {
		for _, m := range failures {
			t.Run(name+" "+m.does, func(t *testing.T) {
				t.Parallel() // the client of NPS waits before it repeats a sign-in
				v := vendors()[name]
				for _, at := range []struct{ when, path, want string }{
					{"at the log-in", v.logIn, m.atLogInOf(name)}, {"at a call", v.call, m.atCall},
				} {
					if at.want == "" {
						continue
					}
					err := v.provoke(t, m, at.path)
					connection, object := probe.ReasonsOf(err)
					if diff := cmp.Diff([]string{at.want, at.want}, []string{connection, object}); diff != "" {
						t.Errorf("%s: reasons of connection and object (-want +got):\n%s\nof: %v", at.when, diff, err)
					}
				}
			})
		}
	}
}

func TestErrorsAreDocumented(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "errors.md")
	want := errorsPage()
	if *update {
		if err := os.WriteFile(path, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("docs/errors.md is out of date; go test ./internal/controller/probe -run TestErrorsAreDocumented -update "+
			"regenerates it (-want +got):\n%s", diff)
	}
}

const errorsIntroduction = `# What a server does, and what is shown

Generated from the table of a test that lets both vendors' clients meet each of these failures
(` + "`internal/controller/probe/errors_table_test.go`" + `); do not edit.

The reason is in the condition Ready of the connection, if a probe fails, and of the object, if its own call fails.
While a connection is not ready, its objects show ` + "`ConnectionNotReady`" + `. The [runbook](runbook.md) explains
each reason.

An expired client certificate is not sent at all: the connection is ` + "`Unauthorized`" + `, with the Secret and the
date.

| The appliance or server | SPSConnection and its objects show | NPSConnection and its objects show | Who acts |
|---|---|---|---|
`

func errorsPage() []byte {
	var b bytes.Buffer
	b.WriteString(errorsIntroduction)
	for _, m := range failures {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", m.does, reasonCell(m.atLogInOf("SPS"), m.atCall),
			reasonCell(m.atLogInOf("NPS"), m.atCall), m.who)
	}
	return b.Bytes()
}

func reasonCell(atLogIn, atCall string) string {
	switch {
	case atLogIn == "" || atLogIn == atCall:
		return "`" + atCall + "`"
	case atCall == "":
		return "`" + atLogIn + "`"
	}
	return fmt.Sprintf("`%s` at the log-in, `%s` at a call", atLogIn, atCall)
}
