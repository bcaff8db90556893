// SPDX-License-Identifier: Apache-2.0

package sps_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/pam-operator/pam-operator/internal/sps"
)

// otherCertificate has a key that no other server has.
func otherCertificate(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// An address may lead one connection to a server, and the next one through it to an appliance.
func TestAnAnswerHasTheKeyOfTheConnectionThatItCameBy(t *testing.T) {
	t.Parallel()
	a := newAppliance(t)
	somebodyElse, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{otherCertificate(t)}, MinVersion: tls.VersionTLS12,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer somebodyElse.Close()
	go func() { // presents its certificate, and never answers
		for conn, err := somebodyElse.Accept(); err == nil; conn, err = somebodyElse.Accept() {
			_, _ = conn.Read(make([]byte, 1))
			_ = conn.Close()
		}
	}()

	var elsewhere atomic.Bool
	address := passingOn(t, func() string {
		if elsewhere.Load() {
			return somebodyElse.Addr().String()
		}
		return a.server.Listener.Addr().String()
	})
	client := a.client(func(cfg *sps.Config) {
		cfg.URL = "https://" + address
		cfg.TLS = &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12} //nolint:gosec // the test is about it
	})
	var calls atomic.Int32
	a.on("GET /api/info", func(w http.ResponseWriter, _ *http.Request) {
		if calls.Add(1) == 2 { // this connection is busy, so another one is made meanwhile
			elsewhere.Store(true)
			if _, err := client.Info(t.Context()); err == nil { //nolint:contextcheck // a call of its own
				t.Error("an answer of a server that gives none")
			}
		}
		_, _ = io.WriteString(w, `{"body":{"firmware_version":"8.0.0","hostname":"sps"}}`)
	})
	first, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if first.Self == "" || second.Self != first.Self {
		t.Errorf("the same server is %q, and then %q", first.Self, second.Self)
	}
}

// passingOn listens and forwards each connection to its current target.
func passingOn(t *testing.T, to func() string) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it ends with the test
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			there, err := net.Dial("tcp", to()) //nolint:noctx // it ends with the test
			if err != nil {
				_ = conn.Close()
				continue
			}
			pass := func(from, to net.Conn) {
				_, _ = io.Copy(to, from)
				_ = to.Close()
			}
			go pass(conn, there)
			go pass(there, conn)
		}
	}()
	return listener.Addr().String()
}
