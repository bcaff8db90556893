// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// issued is a certificate for localhost with an expiry, and its issuer.
func issued(t *testing.T, until time.Time, names ...string) (server tls.Certificate, issuer *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Bank Issuing CA 7"}, DNSNames: names,
		NotBefore: until.Add(-time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	issuer = x509.NewCertPool()
	issuer.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, issuer
}

// offering is the port of a TLS server on localhost with a configuration.
func offering(t *testing.T, cfg *tls.Config) string {
	t.Helper()
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS, server.Config.ErrorLog = cfg, log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return portOf(t, server.Listener.Addr())
}

// proxyAnswering is the port of a proxy that answers every CONNECT with a status.
func proxyAnswering(t *testing.T, status int) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	t.Cleanup(server.Close)
	return portOf(t, server.Listener.Addr())
}

// presenting is the port of a TLS server on localhost with a certificate.
func presenting(t *testing.T, certificate tls.Certificate, answer http.HandlerFunc) string {
	t.Helper()
	server := httptest.NewUnstartedServer(answer)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
	server.Config.ErrorLog = nil
	server.StartTLS()
	t.Cleanup(server.Close)
	return portOf(t, server.Listener.Addr())
}

func portOf(t *testing.T, address net.Addr) string {
	t.Helper()
	_, port, err := net.SplitHostPort(address.String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// unparseable is a certificate that Go refuses to parse: its serial number is negative.
func unparseable(t *testing.T, good tls.Certificate) tls.Certificate {
	t.Helper()
	serial, negative := []byte("\x02\x01\x02\x02\x01\x01"), []byte("\x02\x01\x02\x02\x01\xff") // after the version
	der := bytes.Replace(good.Certificate[0], serial, negative, 1)
	if _, err := x509.ParseCertificate(der); err == nil {
		t.Fatal("it can be parsed")
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: good.PrivateKey}
}

// accepting is the port of a server that handles raw connections.
func accepting(t *testing.T, with func(net.Conn)) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			with(conn)
		}
	}()
	return portOf(t, listener.Addr())
}

func TestTheOwnerOfAConnectionReadsWhatToFix(t *testing.T) {
	good, trusted := issued(t, time.Now().Add(time.Hour), "localhost")
	old, trustedOld := issued(t, time.Now().Add(-time.Hour), "localhost")
	nameless, trustedNameless := issued(t, time.Now().Add(time.Hour))
	says := func(status int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			_, _ = fmt.Fprint(w, body)
		}
	}
	refuses := func(status int, kind string) http.HandlerFunc {
		return says(status, fmt.Sprintf(`{"error":{"type":%q,"message":"no"}}`, kind))
	}
	bundle := &pamv1alpha1.TLSSettings{CABundleRef: &pamv1alpha1.CABundleReference{
		Kind: pamv1alpha1.CABundleConfigMap, Name: "sps-ca", Key: "ca.crt",
	}}
	closed := accepting(t, func(net.Conn) {})
	for what, c := range map[string]struct {
		port     string
		host     string
		roots    *x509.CertPool
		settings *pamv1alpha1.TLSSettings
		timeout  time.Duration
		proxy    string // its port on localhost
		reason   string
		state    loop.State
		words    []string
	}{
		"no CA bundle": {
			port: presenting(t, good, says(200, "{}")), roots: x509.NewCertPool(),
			reason: pamv1alpha1.ReasonUnreachable,
			state:  loop.StateStalled,
			words:  []string{"Bank Issuing CA 7", "is not trusted", "spec.tls.caBundleRef", "intermediate"},
		},
		"a CA that is not in the bundle": {
			port: presenting(t, good, says(200, "{}")), roots: x509.NewCertPool(), settings: bundle,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"ConfigMap pam/sps-ca", "not trusted"},
		},
		"a certificate for another host": {
			port: presenting(t, good, says(200, "{}")), host: "127.0.0.1", roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable,
			state:  loop.StateStalled,
			words:  []string{"another host", "spec.tls.serverName", "127.0.0.1"},
		},
		"a certificate that has expired": {
			port: presenting(t, old, says(200, "{}")), roots: trustedOld,
			reason: pamv1alpha1.ReasonUnreachable,
			state:  loop.StateStalled,
			words:  []string{"has expired", "its administrator", "clocks"},
		},
		"a certificate without names": {
			port: presenting(t, nameless, says(200, "{}")), roots: trustedNameless,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"names no host", "its administrator has to replace it"},
		},
		"a certificate that cannot be parsed": {
			port: accepting(t, func(c net.Conn) {
				cfg := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{unparseable(t, good)}}
				_ = tls.Server(c, cfg).HandshakeContext(t.Context())
			}), roots: trusted, reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"does not verify", "its administrator has to replace it", "negative serial number"},
		},
		"no common cipher suite": {
			port: offering(t, &tls.Config{
				Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
				CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_256_GCM_SHA384}, //nolint:gosec // as old appliances do
			}), roots: trusted, reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"ECDHE", "nothing was sent", "handshake failure"},
		},
		"an old version of TLS": {
			port: offering(t, &tls.Config{ //nolint:gosec // as old appliances do
				Certificates: []tls.Certificate{good}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11,
			}), roots: trusted, reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"TLS 1.2 or later", "nothing was sent"},
		},
		"a client certificate that is demanded": {
			port: offering(t, &tls.Config{ //nolint:gosec // the alert comes within the handshake only up to TLS 1.2
				Certificates: []tls.Certificate{good}, ClientAuth: tls.RequireAnyClientCert,
				MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12,
			}), roots: trusted, reason: pamv1alpha1.ReasonUnreachable, state: loop.StateStalled,
			words: []string{"must not demand a client certificate"},
		},
		"a proxy that forbids the host": {
			port: "443", host: "sps.example.com", roots: trusted, proxy: proxyAnswering(t, http.StatusForbidden),
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"the proxy of the manager", "sps.example.com:443, which was not reached", "NO_PROXY", "403"},
		},
		"a proxy that wants credentials": {
			port: "443", host: "sps.example.com", roots: trusted, proxy: proxyAnswering(t, http.StatusProxyAuthRequired),
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"demands credentials", "HTTPS_PROXY"},
		},
		"a proxy that says nothing": {
			port: "443", host: "sps.example.com", roots: trusted, proxy: closed, timeout: 50 * time.Millisecond,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"sps.example.com:443 was not reached through the proxy localhost:" + closed, "NO_PROXY"},
		},
		"a proxy that is not there": {
			port: "443", host: "sps.example.com", roots: trusted, proxy: "1",
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"was not reached through the proxy localhost:1", "connection refused"},
		},
		"a port without TLS": {
			port: accepting(t, func(c net.Conn) {
				_, _ = fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				_ = c.Close()
			}), roots: trusted, reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"does not speak TLS", "spec.url"},
		},
		"a name that means nothing": {
			port: "443", host: "sps.invalid", roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"sps.invalid:443 does not resolve", "DNS"},
		},
		"a port where nothing listens": {
			port: "1", roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"nothing listens at localhost:1", "spec.url"},
		},
		"silence": {
			port: closed, roots: trusted, timeout: 50 * time.Millisecond,
			reason: pamv1alpha1.ReasonUnreachable,
			state:  loop.StateReconciling,
			words:  []string{"did not answer in time", "firewalls"},
		},
		"a cut": {
			port: accepting(t, func(c net.Conn) { _ = c.Close() }), roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable,
			state:  loop.StateReconciling,
			words:  []string{"cut the connection", "restarting"},
		},
		"another web site": {
			port: presenting(t, good, says(200, "<html>welcome</html>")), roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"is not the API of SPS", "spec.url"},
		},
		"a front end without a back end": {
			port: presenting(t, good, says(503, "<html>try later</html>")), roots: trusted,
			reason: pamv1alpha1.ReasonUnreachable, state: loop.StateReconciling,
			words: []string{"SPS behind it does not", "503"},
		},
		"a wrong password": {
			port: presenting(t, good, refuses(401, "AuthenticationFailure")), roots: trusted,
			reason: pamv1alpha1.ReasonUnauthorized, state: loop.StateStalled,
			words: []string{"Secret pam/sps-credentials (spec.credentialsSecretRef)", "correct them", "not repeated before"},
		},
		"a missing right": {
			port: presenting(t, good, refuses(403, "Unauthorized")), roots: trusted,
			reason: pamv1alpha1.ReasonUnauthorized,
			state:  loop.StateStalled,
			words:  []string{"may not log in", "Secret pam/sps-credentials", "REST server"},
		},
	} {
		t.Run(what, func(t *testing.T) {
			host := c.host
			if host == "" {
				host = "localhost"
			}
			conn := &pamv1alpha1.SPSConnection{}
			conn.Namespace, conn.Spec.URL, conn.Spec.TLS = "pam", "https://"+net.JoinHostPort(host, c.port), c.settings
			conn.Spec.CredentialsSecretRef.Name = "sps-credentials"
			cfg := sps.Config{
				URL: conn.Spec.URL, Username: "operator", Password: "secret-canary", UserAgent: "test/1", Timeout: c.timeout,
				TLS: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.roots},
			}
			if c.proxy != "" {
				cfg.Network.Proxy = http.ProxyURL(&url.URL{
					Scheme: "http", User: url.UserPassword("operator", "proxy-canary"), Host: "localhost:" + c.proxy,
				})
			}
			appliance, err := sps.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer appliance.Close()
			_, err = appliance.Info(t.Context())
			if err == nil {
				t.Fatal("it answered")
			}
			out := ofOwner(conn, err)
			if out.Reason != c.reason || out.State != c.state {
				t.Errorf("got %s in state %d, want %s in %d", out.Reason, out.State, c.reason, c.state)
			}
			if strings.Contains(out.Message, "canary") {
				t.Errorf("a password is shown: %s", out.Message)
			}
			for _, word := range c.words {
				if !strings.Contains(out.Message, word) {
					t.Errorf("%q is not in: %s", word, out.Message)
				}
			}
		})
	}
}

// The result of an attempt to connect is for the owner of the connection: others could explore a network with it.
func TestOnlyTheOwnerSeesWhatBecameOfAnAttemptToConnect(t *testing.T) {
	for _, cause := range []string{
		"dial tcp 10.1.2.3:443: connect: connection refused", "lookup db.internal: no such host", "EOF",
		"tls: failed to verify certificate: x509: certificate is valid for db.internal",
	} {
		err := fmt.Errorf("while doing it: %w", &rest.Error{
			Method: "GET", Path: "/api/info", Message: cause, Err: errors.New(cause),
		})
		if out := loop.OutcomeOf(err); strings.Contains(out.Message, cause) ||
			!strings.Contains(out.Message, "GET /api/info") || out.Reason != pamv1alpha1.ReasonUnreachable || out.Err == nil {
			t.Errorf("others see %q", out.Message)
		}
		if out := ofOwner(&pamv1alpha1.SPSConnection{}, err); !strings.Contains(out.Message, cause) {
			t.Errorf("the owner sees %q", out.Message)
		}
	}
}

func TestCredentialsThatWereNotSentAreNotCalledRefused(t *testing.T) {
	t.Parallel()
	until := time.Now().Add(20 * time.Minute)
	conn := &pamv1alpha1.SPSConnection{}
	conn.Namespace, conn.Spec.CredentialsSecretRef.Name = "pam", "sps-credentials"
	unsent := &sps.CredentialsError{
		Until: until, Err: &login.ThrottledError{Until: until, Why: "5 log-ins with this address were refused"},
	}
	out := ofOwner(conn, &rest.Error{Method: "GET", Path: "/api/info", Message: unsent.Error(), Err: unsent})
	if out.Reason != pamv1alpha1.ReasonUnauthorized || !strings.Contains(out.Message, "were not sent") ||
		strings.Contains(out.Message, "correct them") ||
		strings.Count(out.Message, until.UTC().Format(time.RFC3339)) != 1 {
		t.Errorf("got %s: %s", out.Reason, out.Message)
	}
}
