// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Sizes of what others make the manager hold. Each is measured with a manager and a cluster of its own.
const (
	heavyPolicies = 150
	// heavyMaps are far more than an object may have, usableMaps about as many.
	heavyMaps, usableMaps = 15_000, 1_900
	// heavyWait is how long the appliance takes to refuse a transaction.
	heavyWait = 25 * time.Second

	largeConfigMaps, largeSecrets, largeSessions = 600, 500, 208
	largeAnnotation                              = 248 << 10

	crowdConnections = 49
	crowdRecord      = 980_000
	crowdOf          = "crowd"
	crowdedVictim    = 2500
)

// memoryRows are about objects that take much memory, on appliances and in the cluster.
func memoryRows(ctx context.Context, b *bench) ([]row, error) {
	var rows []row
	for _, measure := range []func(*bed, context.Context) ([]row, error){
		func(d *bed, ctx context.Context) ([]row, error) { return d.heavyBodies(ctx, heavyMaps) },
		func(d *bed, ctx context.Context) ([]row, error) { return d.heavyBodies(ctx, usableMaps) },
		(*bed).largeAnnotations,
		(*bed).crowdedOut,
	} {
		d, err := b.newBed(ctx, func(s *sps.Switches) { s.WriteDelay, s.CommitDelay = 0, 0 })
		if err != nil {
			return nil, err
		}
		more, err := measure(d, ctx)
		if err != nil {
			return nil, err
		}
		rows = append(rows, more...)
		if err := d.manager.process.Stop(); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// peak is the row of the manager's peak memory.
func (d *bed) peak(what string) ([]row, error) {
	if err := d.manager.ended(); err != nil {
		return nil, err
	}
	now, err := d.manager.memory()
	d.say("%s resident, %s peak", mebibytes(now.resident), mebibytes(now.peak))
	return []row{atMost(d.bench, limit[float64]{
		what: what + ": peak memory", measured: now.peak, most: hostileBudget, show: mebibytes,
	})}, err
}

// heavyAppliance lists objects that take much memory when they are decoded, and takes long to refuse a transaction.
type heavyAppliance struct {
	objects int
	body    func(i int) string
	wait    time.Duration
}

func (a heavyAppliance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case strings.HasSuffix(r.URL.Path, "/rdp/connections"):
		_, _ = io.WriteString(w, `{"items":[`)
		for i := range a.objects {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"key":"k%d","body":%s}`, i, a.body(i))
		}
		_, _ = io.WriteString(w, "]}")
	case r.Method == http.MethodPost && r.URL.Path == transactionPath:
		select {
		case <-time.After(a.wait):
		case <-r.Context().Done():
		}
		w.WriteHeader(http.StatusInternalServerError)
	default:
		hostileAppliance{harm: func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"items":[]}`) }}.
			ServeHTTP(w, r)
	}
}

// serveHeavy starts an appliance, which ends with the scenario, and creates the ConfigMap with its CA in a namespace.
func (d *bed) serveHeavy(ctx context.Context, a heavyAppliance, space string) (url string, err error) {
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	running, err := simulator.Serve(serving, simulator.Config{
		Listeners: []simulator.Listener{{Name: "heavy", Handler: a}},
	})
	if err != nil {
		stop()
		return "", err
	}
	d.atEnd(func() error { stop(); return running.Wait() })
	ca := configMap(hostileCA, map[string]string{caKey: string(running.CA().CertificatePEM())})
	ca.Namespace = space
	return running.URL("heavy"), d.client.Create(ctx, ca)
}

// plainPolicy refers to nothing on the appliance.
func plainPolicy(name, connection, space string, options ...builder.Option) client.Object {
	return builder.RDPConnectionPolicy(name, append([]builder.Option{
		builder.InNamespace(space), builder.Connection(connection, ""), builder.Port(3389),
		builder.Client("10.0.0.0/24"), builder.Target("172.16.0.1/32"),
	}, options...)...)
}

func (d *bed) heavyBodies(ctx context.Context, maps int) ([]row, error) {
	what := fmt.Sprintf("%d objects with %d maps each, before a slow transaction", heavyPolicies, maps)
	d.say("%s", what)
	values := strings.Repeat(`{"a":0},`, maps-1) + `{"a":0}`
	url, err := d.serveHeavy(ctx, heavyAppliance{objects: heavyPolicies, wait: heavyWait, body: func(i int) string {
		return fmt.Sprintf(`{"name":"h-%04d","network":{"ports":[1]},"x":[%s]}`, i, values)
	}}, namespace)
	if err != nil {
		return nil, err
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	in := builder.InNamespace(namespace)
	connection := builder.SPSConnection("heavy", in, builder.URL(url), builder.TrustedCA(hostileCA))
	if err := d.createEach(ctx, connection); err != nil {
		return nil, err
	}
	if err := d.createAll(ctx, heavyPolicies, func(i int) client.Object {
		return plainPolicy(fmt.Sprintf("h-%04d", i), "heavy", namespace, builder.Adopt(pamv1alpha1.AdoptionPolicyAlways))
	}); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, heavyWait+hostileWatch); err != nil {
		return nil, err
	}
	return d.peak(what)
}

func (d *bed) largeAnnotations(ctx context.Context) ([]row, error) {
	what := fmt.Sprintf("a start among %d ConfigMaps, %d Secrets and %d sessions with %d KiB of annotations",
		largeConfigMaps, largeSecrets, largeSessions, largeAnnotation>>10)
	d.say("%s", what)
	large := map[string]string{"large": strings.Repeat("x", largeAnnotation)}
	meta := func(i int) metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: namespace, Name: fmt.Sprintf("large-%04d", i), Annotations: large}
	}
	for n, object := range map[int]func(i int) client.Object{
		largeConfigMaps: func(i int) client.Object { return &corev1.ConfigMap{ObjectMeta: meta(i)} },
		largeSecrets:    func(i int) client.Object { return &corev1.Secret{ObjectMeta: meta(i)} },
		largeSessions: func(i int) client.Object {
			s := builder.ActivitySession(meta(i).Name, builder.InNamespace(namespace), builder.Suspended(),
				builder.RequestedBy(controlplane.Admin))
			s.Annotations = large
			return s
		},
	} {
		if err := d.createAll(ctx, n, object); err != nil {
			return nil, err
		}
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	if err := d.pass(ctx, 2*hostileWatch); err != nil {
		return nil, err
	}
	return d.peak(what)
}

// crowdedOut has many connections of one namespace keep much, each less than that of another namespace.
func (d *bed) crowdedOut(ctx context.Context) ([]row, error) {
	what := fmt.Sprintf("%d connections of one namespace that keep 2 MB each", crowdConnections)
	d.say("%s", what)
	many := *d.bench
	many.exports = crowdedVictim
	if err := (&bed{bench: &many, appliance: d.appliance}).byHand(); err != nil {
		return nil, err
	}
	if err := d.createEach(ctx, builder.Namespace(crowdOf),
		builder.SPSCredentialsSecret(account, newPassword(), builder.InNamespace(crowdOf))); err != nil {
		return nil, err
	}
	text := strings.Repeat("x", crowdRecord)
	url, err := d.serveHeavy(ctx, heavyAppliance{objects: 2, body: func(i int) string {
		return fmt.Sprintf(`{"name":"c-%d","x":%q}`, i, text)
	}}, crowdOf)
	if err != nil {
		return nil, err
	}
	if err := d.startReady(ctx); err != nil {
		return nil, err
	}
	if _, err := d.besides(ctx, 0); err != nil {
		return nil, err
	}
	for i := range crowdConnections {
		in, name := builder.InNamespace(crowdOf), fmt.Sprintf("crowd-%02d", i)
		if err := d.createEach(ctx,
			builder.SPSConnection(name, in, builder.URL(url), builder.TrustedCA(hostileCA)),
			plainPolicy(name, name, crowdOf, builder.Manage(pamv1alpha1.ManagementPolicyObserve)),
		); err != nil {
			return nil, err
		}
	}
	for number := 1; number <= 4; number++ { // each change by hand has the appliance read again
		if err := d.pass(ctx, hostileWatch/2); err != nil {
			return nil, err
		}
		body, err := builder.RDPBody(fmt.Sprintf("by hand %d", number), `{"network": {"ports": [3389]}}`)
		if err != nil {
			return nil, err
		}
		d.appliance.Put("rdp/connections", "", body)
		if _, err := d.besides(ctx, number); err != nil {
			return nil, fmt.Errorf("the connection beside them: %w", err)
		}
	}
	return d.peak(what)
}
