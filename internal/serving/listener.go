// SPDX-License-Identifier: Apache-2.0

package serving

import (
	"net"
	"slices"
	"sync"
)

// bound returns a listener with at most so many open connections. A new one is always accepted: whoever has the most
// loses the oldest of them. So a client that holds connections keeps out neither a kubelet nor a scraper.
func bound(l net.Listener, most int) net.Listener { return &listener{Listener: l, most: most} }

type listener struct {
	net.Listener
	most int

	mu   sync.Mutex
	open []*conn // the oldest first
}

func (l *listener) Accept() (net.Conn, error) {
	accepted, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: accepted, listener: l, host: accepted.RemoteAddr().String()}
	if host, _, err := net.SplitHostPort(c.host); err == nil {
		c.host = host
	}
	if excess := l.add(c); excess != nil {
		_ = excess.Close()
	}
	return c, nil
}

// add adds a connection, and returns the one that has to make room; nil if there is room.
func (l *listener) add(c *conn) *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open = append(l.open, c)
	if len(l.open) <= l.most {
		return nil
	}
	has := map[string]int{}
	for _, o := range l.open {
		has[o.host]++
	}
	excess := l.open[0]
	for _, o := range l.open {
		if has[o.host] > has[excess.host] {
			excess = o
		}
	}
	return excess
}

type conn struct {
	net.Conn
	listener *listener
	host     string
}

func (c *conn) Close() error {
	c.listener.mu.Lock()
	c.listener.open = slices.DeleteFunc(c.listener.open, func(o *conn) bool { return o == c })
	c.listener.mu.Unlock()
	return c.Conn.Close()
}
