// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"fmt"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/sessions"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// quickUsers are accounts without a second factor.
func quickUsers(n int) []simnps.User {
	var users []simnps.User
	for i := range n {
		users = append(users, simnps.User{Login: quickUser(i), Password: simnps.DefaultPassword})
	}
	return users
}

func quickUser(i int) string { return fmt.Sprintf(`LAB\quick-%d`, i) }

// oneConnection is a connection with its Secret in an in-memory cluster, and the server that it leads to.
type oneConnection struct {
	*testing.T

	world  *world
	pool   *Pool
	conn   *pamv1alpha1.NPSConnection
	secret *corev1.Secret
	server *simnps.Server
}

func newOneConnection(t *testing.T, requestsPerSecond int32) *oneConnection {
	t.Helper()
	server := simnps.New(simnps.Options{Users: quickUsers(3)})
	listener := httptest.NewTLSServer(server.Handler())
	t.Cleanup(listener.Close)
	in := builder.InNamespace(home)
	conn := builder.NPSConnection("nps", in, builder.UserSignIn(), builder.URL(listener.URL),
		builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
			c.Spec.Limits = &pamv1alpha1.NPSLimits{RequestsPerSecond: &requestsPerSecond}
		}))
	secret := builder.Secret(builder.NPSCredentials, map[string]string{
		"username": quickUser(0), "password": simnps.DefaultPassword,
	}, in)
	w := newWorld(t, conn, secret)
	pool := w.pool()
	t.Cleanup(func() { _ = pool.Close(context.WithoutCancel(t.Context())) })
	return &oneConnection{T: t, world: w, pool: pool, conn: conn, secret: secret, server: server}
}

// as changes the Secret, so that the client is replaced.
func (d *oneConnection) as(user string) {
	d.Helper()
	d.secret.Data["username"] = []byte(user)
	if err := d.world.Update(d.Context(), d.secret); err != nil {
		d.Fatal(err)
	}
}

// connect returns the server as the pool sees it now.
func (d *oneConnection) connect() *sessions.Server {
	d.Helper()
	if err := d.world.Get(d.Context(), client.ObjectKeyFromObject(d.conn), d.conn); err != nil {
		d.Fatal(err)
	}
	s, err := d.pool.ConnectServer(d.Context(), d.conn)
	if err != nil {
		d.Fatal(err)
	}
	return s
}

// The limit belongs to the connection and not to its client: changing the Secret does not grant another burst.
func TestALimitOutlivesTheClient(t *testing.T) {
	d := newOneConnection(t, 6)
	limiter := d.pool.limiter(d.conn)
	var clients []*sessions.Server
	for i := range 3 {
		d.as(quickUser(i))
		s := d.connect()
		if slices.Contains(clients, s) {
			t.Fatal("the client was not replaced")
		}
		clients = append(clients, s)
		cfg, err := d.pool.npsConfig(t.Context(), d.conn)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.Limiter != limiter {
			t.Error("the new client has another limit")
		}
	}
}

func TestAnotherLimitReplacesNoClient(t *testing.T) {
	d := newOneConnection(t, 6)
	before := d.connect()
	d.conn.Spec.Limits.RequestsPerSecond = new(int32(7))
	d.conn.Generation++
	if err := d.world.Update(t.Context(), d.conn); err != nil {
		t.Fatal(err)
	}
	if d.connect() != before {
		t.Error("the client was replaced, and signs in again")
	}
	if got := d.pool.limiter(d.conn).Interval(); got != sessions.NewPacer(7).Interval() {
		t.Errorf("one every %s, want 7 in a second", got)
	}
}

// A code of the second factor stays used although the client that sent it is gone; see package nps.
func TestUsedCodesOutliveTheClient(t *testing.T) {
	d := newOneConnection(t, 1000)
	for i := range 2 {
		d.as(quickUser(i))
		cfg, err := d.pool.npsConfig(t.Context(), d.conn)
		if err != nil {
			t.Fatal(err)
		}
		if cfg.UsedCodes == nil || cfg.UsedCodes != &d.pool.usedCodes {
			t.Error("the client does not know which codes others have sent")
		}
	}
}

func TestTheManagerBoundsWhatAConnectionSets(t *testing.T) {
	eager := builder.NPSConnection("nps", builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: 50 * time.Millisecond}, Active: &metav1.Duration{Duration: time.Minute},
		}
		c.Spec.Limits = &pamv1alpha1.NPSLimits{RequestsPerSecond: new(int32(1000))}
	}))
	for name, c := range map[string]struct {
		cfg              Config
		starting, active time.Duration
		rate             int32
	}{
		"not at all": {Config{}, 50 * time.Millisecond, time.Minute, 1000},
		"where it is less than allowed": {
			Config{MinPollInterval: time.Second, MaxRequestsPerSecond: 200}, time.Second, time.Minute, 200,
		},
		"in everything": {Config{MinPollInterval: time.Hour, MaxRequestsPerSecond: 1}, time.Hour, time.Hour, 1},
	} {
		t.Run(name, func(t *testing.T) {
			p := NewPool(c.cfg)
			starting, active := p.polling(eager)
			if rate := p.requestsPerSecond(eager); starting != c.starting || active != c.active || rate != c.rate {
				t.Errorf("got %s, %s, %d", starting, active, rate)
			}
			got, most := float64(time.Second)/float64(p.limiter(eager).Interval()), float64(c.rate)
			if got > most || got < 0.9*most {
				t.Errorf("the limit is %v", got)
			}
		})
	}
}

// TestAConnectionOfTheOtherKindKeepsItsClient: an appliance and a server may well have the same name in a namespace.
func TestAConnectionOfTheOtherKindKeepsItsClient(t *testing.T) {
	d := newOneConnection(t, 10)
	appliance := spsConnection(builder.With(func(c *pamv1alpha1.SPSConnection) { c.Name = d.conn.Name }))
	for _, o := range []client.Object{appliance, credentials("p")} {
		if err := d.world.Create(t.Context(), o); err != nil {
			t.Fatal(err)
		}
	}
	connect := func() (*sessions.Server, any) {
		t.Helper()
		server, err := d.pool.ConnectServer(t.Context(), d.conn)
		if err != nil {
			t.Fatal(err)
		}
		a, err := d.pool.Connect(t.Context(), appliance)
		if err != nil {
			t.Fatal(err)
		}
		return server, a
	}
	name := client.ObjectKeyFromObject(d.conn)
	server, box := connect()
	d.pool.Forget(t.Context(), metrics.SPS(name))
	sameServer, newBox := connect()
	if sameServer != server || newBox == box {
		t.Error("the SPSConnection is gone, and its client is not the one that was closed")
	}
	d.pool.Forget(t.Context(), metrics.NPS(name))
	newServer, sameBox := connect()
	if newServer == server || sameBox != newBox {
		t.Error("the NPSConnection is gone, and its client is not the one that was closed")
	}
}
