// SPDX-License-Identifier: Apache-2.0

package simulator_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

// serve hosts an SPS appliance until the test ends, and checks that it stops cleanly.
func serve(t *testing.T, c simulator.Config) *simulator.Running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, err := simulator.Serve(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		if err := r.Wait(); err != nil {
			t.Errorf("stopping: %v", err)
		}
	})
	return r
}

func appliance(t *testing.T) (*sps.Appliance, simulator.Config) {
	t.Helper()
	ca, err := simulator.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	a := sps.New(sps.Options{ClientCAs: ca.Pool()})
	return a, simulator.Config{
		CA: ca, Listeners: []simulator.Listener{{Name: "sps", Handler: a.Handler(), Control: a.ControlHandler()}},
	}
}

// client trusts only this CA, and presents these certificates.
func client(t *testing.T, trusted *x509.CertPool, own ...tls.Certificate) *http.Client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig:   &tls.Config{RootCAs: trusted, Certificates: own, MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// reply is a response that was read completely.
type reply struct {
	*http.Response
	text string
}

func send(t *testing.T, c *http.Client, method, url string, prepare func(*http.Request)) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	if prepare != nil {
		prepare(r)
	}
	response, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{response, string(body)}
}

func TestFilesAreEnoughToTalkToTheAppliance(t *testing.T) {
	_, config := appliance(t)
	config.Dir = filepath.Join(t.TempDir(), "new")
	r := serve(t, config)
	read := func(name string) []byte {
		data, err := os.ReadFile(filepath.Join(config.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	trusted := x509.NewCertPool()
	if !trusted.AppendCertsFromPEM(read("ca.crt")) {
		t.Fatal("ca.crt holds no certificate")
	}
	own, err := tls.X509KeyPair(read("client.crt"), read("client.key"))
	if err != nil {
		t.Fatal(err)
	}
	response := send(t, client(t, trusted, own), http.MethodGet, r.URL("sps")+"/api/authentication?type=x509", nil)
	if response.StatusCode != http.StatusOK {
		t.Errorf("log-in with the client certificate: status %d", response.StatusCode)
	}
}

func TestWhichClientCertificatesLogIn(t *testing.T) {
	_, config := appliance(t)
	r := serve(t, config)
	stranger, err := simulator.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	issue := func(ca *simulator.CA, name string) []tls.Certificate {
		pair, err := ca.ClientCertificate(name)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{pair.TLS}
	}
	tests := map[string]struct {
		own  []tls.Certificate
		want int
	}{
		"none":                            {nil, http.StatusUnauthorized},
		"that of an account":              {issue(config.CA, "admin"), http.StatusOK},
		"that of somebody else":           {issue(config.CA, "nobody"), http.StatusUnauthorized},
		"an account's, of a CA of no one": {issue(stranger, "admin"), http.StatusUnauthorized},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := client(t, config.CA.Pool(), tt.own...)
			response := send(t, c, http.MethodGet, r.URL("sps")+"/api/authentication?type=x509", nil)
			if response.StatusCode != tt.want {
				t.Errorf("status %d, want %d", response.StatusCode, tt.want)
			}
		})
	}
}

func TestTransactionOverHTTP2(t *testing.T) {
	_, config := appliance(t)
	r := serve(t, config)
	c := client(t, config.CA.Pool())
	response := send(t, c, http.MethodGet, r.URL("sps")+"/api/authentication", func(r *http.Request) {
		r.SetBasicAuth(sps.DefaultUser, sps.DefaultPassword)
	})
	if response.ProtoMajor != 2 || len(response.Cookies()) == 0 {
		t.Fatalf("protocol %s, cookies %v", response.Proto, response.Cookies())
	}
	opened := send(t, c, http.MethodPost, r.URL("sps")+"/api/transaction", func(r *http.Request) {
		r.AddCookie(response.Cookies()[0])
	})
	if opened.StatusCode != http.StatusOK {
		t.Errorf("opening a transaction: status %d", opened.StatusCode)
	}
}

func TestServerCertificate(t *testing.T) {
	_, config := appliance(t)
	config.Names = []string{"sps.example.com", "192.0.2.1"}
	r := serve(t, config)
	response := send(t, client(t, config.CA.Pool()), http.MethodGet, r.URL("sps")+"/api/info", nil)
	leaf := response.TLS.PeerCertificates[0]
	for _, name := range []string{"localhost", "127.0.0.1", "::1", "sps.example.com", "192.0.2.1"} {
		if err := leaf.VerifyHostname(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestControlPort(t *testing.T) {
	a, config := appliance(t)
	r := serve(t, config)
	response := send(t, http.DefaultClient, http.MethodGet, r.ControlURL("sps")+"/stats", nil)
	if !strings.Contains(response.text, a.Stats().ConfigHash) {
		t.Errorf("stats: %s", response.text)
	}
	if got := send(t, http.DefaultClient, http.MethodGet, r.ControlURL("nothing")+"/stats", nil); got.StatusCode != 404 {
		t.Errorf("an appliance that does not exist: status %d", got.StatusCode)
	}
}

func TestServeFails(t *testing.T) {
	_, config := appliance(t)
	running := serve(t, config)
	taken := strings.TrimPrefix(running.URL("sps"), "https://")
	tests := map[string]struct {
		change func(*simulator.Config)
		want   string
	}{
		"an address that is taken":         {func(c *simulator.Config) { c.Listeners[0].Address = taken }, "in use"},
		"a control port for everybody":     {func(c *simulator.Config) { c.ControlAddress = "0.0.0.0:0" }, "not on loopback"},
		"a folder that cannot be a folder": {func(c *simulator.Config) { c.Dir = "/dev/null/x" }, "not a directory"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, config := appliance(t)
			tt.change(&config)
			if _, err := simulator.Serve(t.Context(), config); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}
