// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// sessionBed is a bed with a server instead of an appliance.
type sessionBed struct {
	*bed
	server  *server
	secrets *connectionSecrets
}

// Prefixes of object names, by purpose.
const (
	spreadPrefix = "spread-"
	burstPrefix  = "burst-"
)

// newSessionBed starts a control plane, a server, and the manager, and waits until it has connected.
func (b *bench) newSessionBed(ctx context.Context) (*sessionBed, error) {
	cluster, err := b.newCluster(ctx)
	if err != nil {
		return nil, err
	}
	d := &sessionBed{bed: cluster}
	if d.server, err = startServer(ctx, b); err != nil {
		return nil, err
	}
	d.faults = d.server.Faults()
	c := d.serverConnection()
	return d, inOrder(ctx,
		func(ctx context.Context) error { return d.connectServer(ctx, c) },
		d.watchSecrets,
		d.startManager,
		func(ctx context.Context) error { return d.connected(ctx, c.DeepCopy()) },
	)
}

func (d *sessionBed) serverConnection() *pamv1alpha1.NPSConnection {
	return builder.NPSConnection(builder.DefaultNPSConnection, builder.InNamespace(namespace),
		builder.URL(d.server.url), builder.TrustedCA(caConfigMap),
		builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Polling = &pamv1alpha1.NPSPolling{
				Starting: &metav1.Duration{Duration: d.starting}, Active: &metav1.Duration{Duration: d.active},
			}
			c.Spec.Limits = &pamv1alpha1.NPSLimits{
				ActiveSessions:    new(int32(d.sessions + d.burst)), //nolint:gosec // G115: a number of objects
				RequestsPerSecond: new(int32(d.requests)),           //nolint:gosec // G115: the API refuses too large ones
			}
		}))
}

// connectServer creates the namespace of the sessions and a connection to the server, as an application user.
func (d *sessionBed) connectServer(ctx context.Context, c *pamv1alpha1.NPSConnection) error {
	objects := []client.Object{builder.Namespace(namespace)}
	objects = append(objects, applicationUser(d.server.client)...)
	return d.createEach(ctx, append(objects, configMap(caConfigMap, map[string]string{caKey: string(d.server.ca)}), c)...)
}

// applicationUser returns the Secrets of an application's account, with its certificate.
func applicationUser(pair simulator.Pair) []client.Object {
	in := builder.InNamespace(namespace)
	return []client.Object{
		builder.Secret(builder.NPSClientCertificate, map[string]string{
			corev1.TLSCertKey: string(pair.CertificatePEM), corev1.TLSPrivateKeyKey: string(pair.PrivateKeyPEM),
		}, in, builder.Type(corev1.SecretTypeTLS), builder.ReadBy("NPSConnection")),
		builder.Secret(builder.NPSCredentials, map[string]string{
			"login": nps.DefaultApplication, "apiKey": nps.DefaultAPIKey,
		}, in),
	}
}

// request is the purpose of one session.
type request struct{ activity, resource string }

// requestOf mixes SSH and RDP.
func requestOf(i int) request {
	if i%2 == 0 {
		return request{builder.DefaultActivity, builder.DefaultResource}
	}
	return request{"Windows admin", "win1.payments.example.com"}
}

// session is an object whose note is its name, so that the server's record shows whose session it is.
func session(prefix string, i int) client.Object {
	name, r := fmt.Sprintf("%s%05d", prefix, i), requestOf(i)
	return builder.ActivitySession(name, builder.InNamespace(namespace),
		builder.Activity(r.activity), builder.Resource(r.resource), builder.RequestedBy(controlplane.Admin),
		builder.With(func(s *pamv1alpha1.ActivitySession) { s.Spec.Note = name }))
}

// atRate calls a function n times, at the given rate per second, each in its own goroutine.
func atRate(ctx context.Context, n, rate int, f func(ctx context.Context, i int) error) error {
	group, all := errgroup.WithContext(ctx)
	begun := time.Now()
	for i := range n {
		due := begun.Add(time.Duration(i) * time.Second / time.Duration(rate))
		if pause(all, time.Until(due)) != nil {
			break // Wait returns the cause
		}
		group.Go(func() error { return f(all, i) })
	}
	return cmp.Or(group.Wait(), ctx.Err())
}

// sessionsOf are the server's sessions for objects with this prefix.
func (d *sessionBed) sessionsOf(prefix string) []nps.Session {
	var out []nps.Session
	for _, s := range d.server.Sessions() {
		if strings.HasPrefix(objectOf(s), prefix) {
			out = append(out, s)
		}
	}
	return out
}

// requested waits until the server has n sessions of a prefix, and the manager nothing to do for them.
func (d *sessionBed) requested(ctx context.Context, prefix string, n int) error {
	err := wait.PollUntilContextTimeout(ctx, pollInterval, d.patience, true, func(context.Context) (bool, error) {
		return len(d.sessionsOf(prefix)) >= n, d.manager.ended()
	})
	if err != nil {
		return err
	}
	return d.settledController(ctx, sessionController, n)
}

// afterRound waits until the poller has just finished a round: the lists were read, and no read is in progress.
func (d *sessionBed) afterRound(ctx context.Context) error {
	const quiet = 5 * pollInterval
	for before := d.server.Stats().Lists; d.server.Stats().Lists == before; {
		if err := d.pass(ctx, pollInterval); err != nil {
			return err
		}
	}
	for before := -1; d.server.Stats().Lists != before; {
		before = d.server.Stats().Lists
		if err := d.pass(ctx, quiet); err != nil {
			return err
		}
	}
	return nil
}
