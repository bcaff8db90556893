// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	heavy         = "heavy"
	heavyPolicies = 150
	// hugeMaps are far more than an object may have, usableMaps about as many.
	hugeMaps, usableMaps = 15_000, 1_900
	// heavyWait is how long the appliance takes to refuse a transaction.
	heavyWait = 25 * time.Second

	largeAnnotation = 248 << 10

	crowdSpace       = "crowd"
	crowdConnections = 49
	crowdRecord      = 980_000
	crowdedVictim    = 2500

	halfOpen = 300 // on each of two ports
)

// plainPolicy refers to nothing on the appliance.
func plainPolicy(name, connection, space string, options ...builder.Option) client.Object {
	return builder.RDPConnectionPolicy(name, append([]builder.Option{
		builder.InNamespace(space), builder.Connection(connection, ""), builder.Port(3389),
		builder.Client("10.0.0.0/24"), builder.Target("172.16.0.1/32"),
	}, options...)...)
}

// heavyRows have one connection whose objects take much memory when they are decoded.
func heavyRows(ctx context.Context, b *bench, maps int) ([]row, error) {
	values := strings.Repeat(`{"a":0},`, maps-1) + `{"a":0}`
	d, err := b.newQuickBed(ctx, simulator.Listener{Name: heavy, Handler: heavyAppliance{
		objects: heavyPolicies, wait: heavyWait, body: func(i int) string {
			return fmt.Sprintf(`{"name":"h-%04d","network":{"ports":[1]},"x":[%s]}`, i, values)
		},
	}})
	if err != nil {
		return nil, err
	}
	if err := d.beginQuick(ctx); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d objects with %d maps each", heavyPolicies, maps)
	d.say("%s", what)
	if err := d.create(ctx, d.toAppliance(heavy)); err != nil {
		return nil, err
	}
	if err := d.createAll(ctx, heavyPolicies, func(i int) client.Object {
		return plainPolicy(fmt.Sprintf("h-%04d", i), heavy, namespace, builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))
	}); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, heavyWait+hostileWatch); err != nil {
		return nil, err
	}
	return d.peak(what, hostileMemory)
}

// annotationRows start the manager among objects of others with large annotations, which come in pages of metadata.
func annotationRows(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newQuickBed(ctx)
	if err != nil {
		return nil, err
	}
	configMaps, secrets, sessions := 600, 500, 208
	what := fmt.Sprintf("a start among %d ConfigMaps, %d Secrets and %d sessions with %d KiB of annotations",
		configMaps, secrets, sessions, largeAnnotation>>10)
	d.say("%s", what)
	large := map[string]string{"large": strings.Repeat("x", largeAnnotation)}
	meta := func(i int) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("large-%04d", i), Annotations: large}
	}
	if err := inOrder(ctx,
		func(ctx context.Context) error {
			return d.createAll(ctx, configMaps, func(i int) client.Object { return &corev1.ConfigMap{ObjectMeta: meta(i)} })
		},
		func(ctx context.Context) error {
			return d.createAll(ctx, secrets, func(i int) client.Object { return &corev1.Secret{ObjectMeta: meta(i)} })
		},
		func(ctx context.Context) error {
			return d.createAll(ctx, sessions, func(i int) client.Object {
				s := session(meta(i).Name, builder.Suspended())
				s.Annotations = large
				return s
			})
		},
		d.beginQuick,
		func(ctx context.Context) error { return d.pass(ctx, 2*hostileWatch) },
	); err != nil {
		return nil, err
	}
	return d.peak(what, hostileMemory)
}

// putByHand puts a policy into the appliance's configuration, as an administrator would.
func putByHand(a *sps.Appliance, name string) error {
	body, err := builder.RDPBody(name, `{"network": {"ports": [3389]}}`)
	if err == nil {
		a.Put(policyCollection, "", body)
	}
	return err
}

// crowdRows have many connections of one namespace keep much, each less than that of another namespace, which is still
// served.
func crowdRows(ctx context.Context, b *bench) ([]row, error) {
	text := strings.Repeat("x", crowdRecord)
	a := b.appliance(quick)
	for i := range crowdedVictim {
		if err := putByHand(a, fmt.Sprintf("hand-%05d", i)); err != nil {
			return nil, err
		}
	}
	rich := heavyAppliance{
		objects: 2, body: func(i int) string { return fmt.Sprintf(`{"name":"c-%d","x":%q}`, i, text) },
	}
	d, err := b.newBed(ctx, listen(builder.DefaultSPSConnection, a), simulator.Listener{Name: heavy, Handler: rich})
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d connections of one namespace that keep 2 MB each", crowdConnections)
	d.say("%s", what)
	if err := inOrder(ctx,
		func(ctx context.Context) error { return d.addSpace(ctx, crowdSpace) },
		d.beginQuick, d.createCrowd,
	); err != nil {
		return nil, err
	}
	for i := range 4 { // each change by hand has the appliance read again
		if err := d.pass(ctx, hostileWatch/2); err != nil {
			return nil, err
		}
		if err := putByHand(a, fmt.Sprint("by hand ", i)); err != nil {
			return nil, err
		}
		if _, err := d.beside(ctx, fmt.Sprint(i)); err != nil {
			return nil, err
		}
	}
	return d.peak(what, hostileMemory)
}

func (d *bed) createCrowd(ctx context.Context) error {
	for i := range crowdConnections {
		in, name := builder.InNamespace(crowdSpace), fmt.Sprintf("crowd-%02d", i)
		if err := d.create(ctx, d.toAppliance(heavy, in, named(name)),
			plainPolicy(name, name, crowdSpace, builder.Manage(pamv1alpha1.ManagementPolicyObserve))); err != nil {
			return err
		}
	}
	return nil
}

func named(name string) builder.Option { return func(o client.Object) { o.SetName(name) } }

// halfOpenRows hold connections to the ports of probes and metrics open, with half a request in each, as the shipped
// arguments serve them.
func halfOpenRows(ctx context.Context, b *bench) ([]row, error) {
	d, err := b.newQuickBed(ctx)
	if err != nil {
		return nil, err
	}
	probes, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	metrics, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	if err := d.launch(ctx, "--health-probe-bind-address="+probes, "--metrics-bind-address="+metrics); err != nil {
		return nil, err
	}
	good := d.toAppliance(builder.DefaultSPSConnection)
	if err := d.create(ctx, good); err != nil {
		return nil, err
	}
	if err := d.connected(ctx, good); err != nil {
		return nil, err
	}
	what := fmt.Sprintf("%d half-open connections to health and metrics", 2*halfOpen)
	d.say("%s", what)
	var open errgroup.Group
	holding, stop := context.WithCancel(ctx)
	defer stop()
	for i := range 2 * halfOpen {
		open.Go(func() error { return hold(holding, []string{probes, metrics}[i%2], i%2 == 1) })
	}
	if err := d.pass(ctx, hostileWatch); err != nil {
		return nil, err
	}
	rows, err := d.peak(what, portsMemory)
	stop()
	return rows, errors.Join(err, open.Wait())
}

// hold opens a connection, sends half a request, and waits until it is cut or the measurement is over.
func hold(ctx context.Context, address string, secure bool) error {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	if secure {
		//nolint:gosec // G402: the certificate is self-signed, and nothing is learned from the answer
		c = tls.Client(c, &tls.Config{InsecureSkipVerify: true})
	}
	defer c.Close()
	half := "GET /metrics HTTP/1.1\r\nHost: a\r\nX-Half: " + strings.Repeat("x", 12<<10)
	if _, err := io.WriteString(c, half); err == nil { // the manager may have cut it already
		_, _ = io.Copy(io.Discard, c)
	}
	return nil
}
