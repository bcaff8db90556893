// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	hungAppliance = "hung-sps"
	hungServer    = "hung-nps"
	takesOfEach   = 5
	// hanging, greedy and refusing are how much longer one team may wait beside hanging servers, beside another team that
	// is busy, and beside one whose changes are refused.
	hanging  = 1.2
	greedy   = 1.5
	refusing = 3
)

// neighbours is a team whose objects are measured while others disturb it.
type neighbours struct {
	*bed
	appliance *sps.Appliance
	server    *nps.Server
	stop      chan struct{} // ends what hangs
}

// takes are measured waiting times.
type takes struct{ policy, session, cancel []time.Duration }

func measureNeighbours(ctx context.Context, b *bench) ([]row, error) {
	d := &neighbours{appliance: b.appliance(slow), server: nps.New(nps.Options{}), stop: make(chan struct{})}
	d.server.SetSwitches(func(w *nps.Switches) { w.ProvisioningDelay = nps.Duration(200 * time.Millisecond) })
	b.atEnd(func() error { close(d.stop); return nil })
	var err error
	if d.bed, err = b.newBed(ctx,
		listen(builder.DefaultSPSConnection, d.appliance),
		simulator.Listener{Name: builder.DefaultNPSConnection, Handler: d.server.Handler()},
		simulator.Listener{Name: hungAppliance, Handler: d.hanging(b.appliance(slow).Handler())},
		simulator.Listener{Name: hungServer, Handler: d.hanging(nps.New(nps.Options{}).Handler())},
	); err != nil {
		return nil, err
	}
	good := []client.Object{
		d.toAppliance(builder.DefaultSPSConnection, builder.OpenToAll()),
		d.toServer(builder.DefaultNPSConnection, fastPolling, builder.AllowNamespaces(
			pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}), builder.Grants(
			pamv1alpha1.Grant{NamespaceSelector: &metav1.LabelSelector{}})),
	}
	if err := d.begin(ctx, good...); err != nil {
		return nil, err
	}
	var rows []row
	for _, measure := range []func(context.Context) ([]row, error){d.busyRows, d.hangingRows, d.refusedRows} {
		more, err := measure(ctx)
		rows = append(rows, more...)
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

func fastPolling(o client.Object) {
	builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{Starting: &metav1.Duration{Duration: time.Second}}
	})(o)
}

// hanging responds while a connection is only probed, but not to requests for its objects.
func (d *neighbours) hanging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, answered := range []string{"/api/authentication", infoPath, "/AppUserToken", "/Version"} {
			if strings.HasSuffix(r.URL.Path, answered) {
				next.ServeHTTP(w, r)
				return
			}
		}
		select {
		case <-d.stop:
		case <-r.Context().Done():
		}
	})
}

// hangingRows disturb the team with everything that hangs, at once.
func (d *neighbours) hangingRows(ctx context.Context) ([]row, error) {
	alone, err := d.take(ctx, "before-hanging")
	if err != nil {
		return nil, err
	}
	policies, sessions, connections := d.of(1200), d.of(150), d.of(400)
	d.say("%d policies and %d sessions that hang, %d connections to a silent address", policies, sessions, connections)
	silent, err := d.silent(ctx)
	if err != nil {
		return nil, err
	}
	hung := []client.Object{d.toAppliance(hungAppliance), d.toServer(hungServer)}
	if err := inOrder(ctx,
		func(ctx context.Context) error { return d.create(ctx, hung...) },
		func(ctx context.Context) error { return d.connected(ctx, hung...) },
		func(ctx context.Context) error {
			return d.createAll(ctx, policies, numbered("hung-", builder.Connection(hungAppliance, "")))
		},
		func(ctx context.Context) error {
			return d.createAll(ctx, sessions, func(i int) client.Object {
				return session(fmt.Sprintf("hung-%05d", i), builder.Connection(hungServer, ""))
			})
		},
		func(ctx context.Context) error {
			return d.createAll(ctx, connections, func(i int) client.Object {
				return builder.SPSConnection(fmt.Sprintf("dead-%05d", i), builder.InNamespace(namespace), builder.URL(silent),
					builder.TrustedCA(caConfigMap))
			})
		},
	); err != nil {
		return nil, err
	}
	beside, err := d.take(ctx, "beside-hanging")
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("beside %d hanging policies, %d sessions, %d connections: ", policies, sessions, connections)
	return []row{
		d.times(what+"a new policy", median(beside.policy), median(alone.policy), hanging),
		d.times(what+"a new session", median(beside.session), median(alone.session), hanging),
		d.times(what+"a cancel", median(beside.cancel), median(alone.cancel), hanging),
	}, nil
}

// take measures each time, one after the other.
func (d *neighbours) take(ctx context.Context, name string) (out takes, err error) {
	if out.policy, err = d.newPolicies(ctx, name); err == nil {
		out.session, out.cancel, err = d.newSessions(ctx, name)
	}
	return out, err
}

// newPolicies measures how long new policies take to be Ready.
func (d *neighbours) newPolicies(ctx context.Context, name string) ([]time.Duration, error) {
	var out []time.Duration
	for i := range takesOfEach {
		begun, p := time.Now(), policy(fmt.Sprintf("%s-%d", name, i), i)
		if err := d.create(ctx, p); err != nil {
			return nil, err
		}
		at, err := d.await(ctx, p, pamv1alpha1.ReasonSynced)
		if err != nil {
			return nil, err
		}
		out = append(out, at.Sub(begun))
	}
	return out, nil
}

// newSessions measures how long the Secrets of new sessions take, and then how long it takes from the cancellation of
// each until the server receives it.
func (d *neighbours) newSessions(ctx context.Context, name string) (usable, cancelled []time.Duration, err error) {
	for i := range takesOfEach {
		begun, s := time.Now(), session(fmt.Sprintf("%s-%d", name, i))
		if err := d.create(ctx, s); err != nil {
			return nil, nil, err
		}
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: s.SecretName()}}
		at, err := d.await(ctx, secret, stateThere)
		if err != nil {
			return nil, nil, err
		}
		usable = append(usable, at.Sub(begun))
		took, err := d.cancel(ctx, s, secret)
		if err != nil {
			return nil, nil, err
		}
		cancelled = append(cancelled, took)
	}
	return usable, cancelled, nil
}

// cancel measures the cancellation of one session.
func (d *neighbours) cancel(ctx context.Context, s *pamv1alpha1.ActivitySession, secret *corev1.Secret) (
	time.Duration, error,
) {
	if err := d.client.Get(ctx, client.ObjectKeyFromObject(secret), secret); err != nil {
		return 0, err
	}
	id, begun := string(secret.Data["session-id"]), time.Now()
	if _, ok := d.server.Session(id); !ok {
		return 0, errors.New("the server has no such session")
	}
	patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":true}}`))
	if err := d.client.Patch(ctx, s, patch); err != nil {
		return 0, err
	}
	err := d.until(ctx, "a cancel", func() bool {
		there, _ := d.server.Session(id)
		return there.Status != nps.Active.String()
	})
	return time.Since(begun), err
}

// silent is an address that accepts connections and never sends anything. It ends with the scenario.
func (d *neighbours) silent(ctx context.Context) (url string, err error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				<-d.stop
				_ = c.Close()
			}()
		}
	}()
	d.atEnd(l.Close)
	return "https://" + l.Addr().String(), nil
}
