// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

const appTokenPath = "/WebAppApi/api/v1/AppUserToken"

func TestApplicationToken(t *testing.T) {
	tests := map[string]struct {
		registered, presented, named, login, key string
		want                                     int
	}{
		"any certificate if none is registered":       {"", "0A1B", "0A1B", "k8s", DefaultAPIKey, 200},
		"the registered one, written differently":     {"00:0a:1b", "A1B", "0a1b", "K8S", DefaultAPIKey, 200},
		"no certificate":                              {"", "", "0A1B", "k8s", DefaultAPIKey, 403},
		"another certificate than the registered one": {"0A1B", "0A1C", "0A1C", "k8s", DefaultAPIKey, 403},
		"the registered number with another cert":     {"0A1B", "0A1C", "0A1B", "k8s", DefaultAPIKey, 403},
		"no number in the request":                    {"", "0A1B", "", "k8s", DefaultAPIKey, 403},
		"wrong key":                                   {"", "0A1B", "0A1B", "k8s", "wrong", 401},
		"unknown application":                         {"", "0A1B", "0A1B", "nobody", DefaultAPIKey, 401},
		"a user is no application":                    {"", "0A1B", "0A1B", DefaultUser, DefaultPassword, 401},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, Options{})
			l.must(l.SetApplicationSerial("k8s", tc.registered))
			r := l.request(post, appTokenPath, "",
				map[string]string{"login": tc.login, "password": tc.key, "certificateSerialNumber": tc.named})
			if n, ok := new(big.Int).SetString(tc.presented, 16); ok {
				r.TLS = &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{SerialNumber: n}}}
			}
			got := l.send(r).want(tc.want)
			if tc.want == 200 {
				l.get("/api/v1/Version", got.str()).want(200)
			}
		})
	}
}

func TestApplicationOverTLS(t *testing.T) {
	l := newLab(t, Options{})
	srv := httptest.NewUnstartedServer(l.handler)
	srv.TLS = &tls.Config{ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS12}
	srv.StartTLS()
	t.Cleanup(srv.Close)
	client := srv.Client()
	transport, isTransport := client.Transport.(*http.Transport)
	if !isTransport {
		t.Fatalf("transport is a %T", client.Transport)
	}
	transport.TLSClientConfig.Certificates = []tls.Certificate{clientCertificate(t, 0x2a)}

	body, err := json.Marshal(map[string]string{
		"login": DefaultApplication, "password": DefaultAPIKey, "certificateSerialNumber": "2A",
	})
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), post, srv.URL+appTokenPath, strings.NewReader(string(body)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Error(err)
	}
	if resp.StatusCode != 200 || l.Stats().AppTokens != 1 {
		t.Errorf("status %d, stats %+v", resp.StatusCode, l.Stats())
	}
}

func clientCertificate(t *testing.T, serial int64) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
