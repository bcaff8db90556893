// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// neighbours is a bed with several appliances and servers behind one CA, some of which may hang.
type neighbours struct {
	*bed
	running    *simulator.Running
	password   string
	appliances map[string]*sps.Appliance
	servers    map[string]*nps.Server
	stop       chan struct{}
}

// Names of the connections that hang.
const (
	hungAppliance = "hung-sps"
	hungServer    = "hung-nps"
)

// hanging responds while a connection is only probed, but not to requests for its objects.
func (d *neighbours) hanging(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, answered := range []string{"/api/authentication", "/api/info", "/AppUserToken", "/Version"} {
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

// newNeighbours starts a control plane, appliances with these names, a fast server, and a hanging appliance and server.
func (b *bench) newNeighbours(ctx context.Context, names ...string) (*neighbours, error) {
	cluster, err := b.newCluster(ctx)
	if err != nil {
		return nil, err
	}
	d := &neighbours{
		bed: cluster, password: newPassword(), stop: make(chan struct{}),
		appliances: map[string]*sps.Appliance{}, servers: map[string]*nps.Server{},
	}
	b.atEnd(func() error { close(d.stop); return nil })
	var listeners []simulator.Listener
	for _, name := range append(names, hungAppliance) {
		a := sps.New(sps.Options{Users: map[string]string{account: d.password}, Configure: b.asConfigured})
		d.appliances[name] = a
		listeners = append(listeners, simulator.Listener{Name: name, Handler: d.behind(name, a.Handler())})
	}
	for _, name := range []string{builder.DefaultNPSConnection, hungServer} {
		s := nps.New(nps.Options{})
		s.SetSwitches(func(w *nps.Switches) { w.ProvisioningDelay = nps.Duration(200 * time.Millisecond) })
		d.servers[name] = s
		listeners = append(listeners, simulator.Listener{Name: name, Handler: d.behind(name, s.Handler())})
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	if d.running, err = simulator.Serve(serving, simulator.Config{Listeners: listeners}); err != nil {
		stop()
		return nil, err
	}
	b.atEnd(func() error { stop(); return d.running.Wait() })
	return d, d.connectAll(ctx, names)
}

func (d *neighbours) behind(name string, h http.Handler) http.Handler {
	if name == hungAppliance || name == hungServer {
		return d.hanging(h)
	}
	return h
}

// connectAll creates the connections to the fast ones, and starts the manager.
func (d *neighbours) connectAll(ctx context.Context, names []string) error {
	in := builder.InNamespace(namespace)
	objects := slices.Concat(
		[]client.Object{builder.Namespace(namespace)},
		applicationUser(d.running.Client()),
		[]client.Object{
			builder.SPSCredentialsSecret(account, d.password, in),
			configMap(caConfigMap, map[string]string{caKey: string(d.running.CA().CertificatePEM())}),
			d.npsConnection(builder.DefaultNPSConnection),
		},
	)
	for _, name := range names {
		objects = append(objects, d.spsConnection(name))
	}
	return inOrder(ctx,
		func(ctx context.Context) error { return d.createEach(ctx, objects...) },
		d.startManager,
		func(ctx context.Context) error {
			return d.connected(ctx, d.npsConnection(builder.DefaultNPSConnection))
		},
		func(ctx context.Context) error {
			for _, name := range names {
				if err := d.connected(ctx, d.spsConnection(name)); err != nil {
					return err
				}
			}
			return nil
		},
	)
}

func (d *neighbours) spsConnection(name string) *pamv1alpha1.SPSConnection {
	return builder.SPSConnection(name, builder.InNamespace(namespace), builder.URL(d.running.URL(name)),
		builder.TrustedCA(caConfigMap), builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
		}))
}

func (d *neighbours) npsConnection(name string) *pamv1alpha1.NPSConnection {
	return builder.NPSConnection(name, builder.InNamespace(namespace), builder.URL(d.running.URL(name)),
		builder.TrustedCA(caConfigMap), builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Polling = &pamv1alpha1.NPSPolling{Starting: &metav1.Duration{Duration: time.Second}}
		}))
}

// beat is the polling interval while a state is timed.
const beat = 10 * time.Millisecond

// awaited returns how long it takes from the start of do until done.
func (d *neighbours) awaited(
	ctx context.Context, do func(context.Context) error, done func(context.Context) (bool, error),
) (time.Duration, error) {
	begun := time.Now()
	if err := do(ctx); err != nil {
		return 0, err
	}
	err := wait.PollUntilContextTimeout(ctx, beat, d.patience, true, func(ctx context.Context) (bool, error) {
		if err := d.manager.ended(); err != nil {
			return false, err
		}
		return done(ctx)
	})
	return time.Since(begun), err
}

// isReady reports whether an object is ready in its current generation.
func (d *neighbours) isReady(ctx context.Context, o connection) (bool, error) {
	if err := d.client.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
		return false, client.IgnoreNotFound(err)
	}
	c := meta.FindStatusCondition(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
	return c != nil && c.Status == metav1.ConditionTrue && c.ObservedGeneration == o.GetGeneration(), nil
}

// newPolicy measures the time from the creation of a policy until it is ready.
func (d *neighbours) newPolicy(ctx context.Context, name string) (time.Duration, error) {
	p := policy(name, 0)
	p.Spec.ConnectionRef.Name = builder.DefaultSPSConnection
	return d.awaited(ctx, func(ctx context.Context) error { return d.client.Create(ctx, p.DeepCopy()) },
		func(ctx context.Context) (bool, error) { return d.isReady(ctx, p) })
}

// newSession measures the time from the creation of a session until its Secret exists, and from its cancellation until
// the server receives it.
func (d *neighbours) newSession(ctx context.Context, name string) (usable, cancelled time.Duration, err error) {
	s := builder.ActivitySession(name, builder.InNamespace(namespace), builder.RequestedBy(controlplane.Admin))
	secret := &corev1.Secret{}
	usable, err = d.awaited(ctx, func(ctx context.Context) error { return d.client.Create(ctx, s.DeepCopy()) },
		func(ctx context.Context) (bool, error) {
			key := client.ObjectKey{Namespace: namespace, Name: s.SecretName()}
			err := d.client.Get(ctx, key, secret)
			return err == nil, client.IgnoreNotFound(err)
		})
	if err != nil {
		return 0, 0, err
	}
	if err := d.client.Get(ctx, client.ObjectKeyFromObject(s), s); err != nil {
		return 0, 0, err
	}
	id := string(secret.Data["session-id"])
	cancelled, err = d.awaited(ctx, func(ctx context.Context) error {
		patch := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"cancel":true}}`))
		return d.client.Patch(ctx, s, patch)
	}, func(context.Context) (bool, error) {
		there, ok := d.servers[builder.DefaultNPSConnection].Session(id)
		if !ok {
			return false, errors.New("the server has no such session")
		}
		return there.Status != nps.Active.String(), nil
	})
	return usable, cancelled, err
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
	return fmt.Sprintf("https://%s", l.Addr()), nil
}
