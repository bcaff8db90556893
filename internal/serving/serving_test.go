// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/go-logr/logr"
)

// The clients' addresses: one that holds connections, and one that only wants an answer.
const (
	holder = "127.0.0.1"
	other  = "127.0.0.2"
)

// counted counts the connections that are open.
type counted struct {
	net.Listener
	open atomic.Int64
}

func (l *counted) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.open.Add(1)
	return countedConn{c, sync.OnceFunc(func() { l.open.Add(-1) })}, nil
}

type countedConn struct {
	net.Conn
	closed func()
}

func (c countedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// serve starts a server that answers "ok", over TLS if there is a configuration.
func serve(t *testing.T, config *tls.Config) *counted {
	t.Helper()
	plain, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &counted{Listener: plain}
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	s := New("test", l, handler, config, logr.Discard())
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Start(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// dial connects from an address of this machine.
func dial(t *testing.T, from, to string) net.Conn {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := dialer.DialContext(t.Context(), "tcp", to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// get sends a request, with a further header, and returns the status of the answer.
func get(t *testing.T, c net.Conn, header string) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n"+header+"\r\n"); err != nil {
		t.Fatal(err)
	}
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil && answer.StatusCode == http.StatusOK {
		t.Fatal(err)
	}
	return answer.StatusCode
}

func TestHeldConnectionsAreFewAndKeepNobodyOut(t *testing.T) {
	certificate, _, err := Certificate("", false)
	if err != nil {
		t.Fatal(err)
	}
	//nolint:gosec // G402: the certificate that nobody can verify
	client := &tls.Config{InsecureSkipVerify: true}
	for name, config := range map[string]*tls.Config{"over HTTP": nil, "over TLS": certificate} {
		t.Run(name, func(t *testing.T) {
			server := serve(t, config)
			address := server.Addr().String()
			connect := func() net.Conn {
				c := dial(t, other, address)
				if config == nil {
					return c
				}
				return tls.Client(c, client)
			}
			before := connect()
			if status := get(t, before, ""); status != http.StatusOK {
				t.Fatalf("status %d", status)
			}
			const held = 600
			for range held {
				if _, err := io.WriteString(dial(t, holder, address), "GET / HTTP/1.1\r\nX: "); err != nil {
					t.Log(err) // it had to make room already
				}
			}
			if status := get(t, connect(), ""); status != http.StatusOK { // is accepted after all of these
				t.Errorf("a new connection gets %d", status)
			}
			if got := server.open.Load(); got > maxConnections {
				t.Errorf("%d connections are open, want at most %d", got, maxConnections)
			}
			if status := get(t, before, ""); status != http.StatusOK {
				t.Errorf("a connection from before gets %d", status)
			}
		})
	}
}

func TestALongHeaderIsRefused(t *testing.T) {
	address := serve(t, nil).Addr().String()
	for length, want := range map[int]int{
		1 << 10: http.StatusOK, 32 << 10: http.StatusRequestHeaderFieldsTooLarge,
	} {
		if got := get(t, dial(t, other, address), "X: "+strings.Repeat("a", length)+"\r\n"); got != want {
			t.Errorf("a header of %d bytes gets %d, want %d", length, got, want)
		}
	}
}
