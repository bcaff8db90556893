// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"net/http"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// simulatedBox is a simulated appliance, and a cluster with a connection to it.
func simulatedBox(t *testing.T) (*simsps.Appliance, *pamv1alpha1.SPSConnection, *world) {
	t.Helper()
	box := simsps.New(simsps.Options{})
	running, err := simulator.Serve(t.Context(), simulator.Config{
		Listeners: []simulator.Listener{{Name: "sps", Handler: box.Handler()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	conn := spsConnection(builder.URL(running.URL("sps")), builder.TrustedCA("ca"))
	ca := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Namespace: home, Name: "ca"},
		Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
	}
	secret := builder.SPSCredentialsSecret(simsps.DefaultUser, simsps.DefaultPassword, builder.InNamespace(home))
	return box, conn, newWorld(t, conn, ca, secret)
}

// TestAPoolThatStops lets the pool's context end while a batch waits for the appliance.
func TestAPoolThatStops(t *testing.T) {
	tests := map[string]struct {
		ordered  bool
		replaced bool // the client that has the batch was replaced meanwhile
		commits  int
	}{
		"as it was asked to, it lets the batch finish":                      {ordered: true, commits: 1},
		"without having been asked, it drops the batch at once":             {},
		"it drops that of a client that was replaced, too":                  {replaced: true},
		"as it was asked to, it lets that of a replaced client finish, too": {ordered: true, replaced: true, commits: 1},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			box, conn, w := simulatedBox(t)
			ordered := make(chan struct{})
			cfg := w.config()
			cfg.Stop = ordered
			pool := NewPool(cfg)
			a, err := pool.Connect(t.Context(), conn)
			if err != nil {
				t.Fatal(err)
			}
			ctx, end := context.WithCancel(t.Context())
			stopped := make(chan error, 1)
			go func() { stopped <- pool.Start(ctx) }()
			written, proceed := make(chan struct{}), make(chan struct{})
			answer := make(chan error, 1)
			go func() {
				answer <- a.Change(t.Context(), appliance.Identity{}, func(ctx context.Context, tx *appliance.Transaction) error {
					if _, err := tx.Create(ctx, sps.Groups, sps.Body{"name": "g", "members": []any{}}); err != nil {
						return err
					}
					close(written)
					select {
					case <-proceed:
					case <-ctx.Done():
					}
					return ctx.Err()
				})
			}()
			<-written
			if tc.replaced {
				pool.Forget(t.Context(), metrics.SPS(client.ObjectKeyFromObject(conn)))
			}
			if tc.ordered {
				close(ordered)
				end()
				close(proceed)
			} else {
				end()
			}
			select {
			case err := <-answer:
				if (err == nil) != tc.ordered {
					t.Errorf("the change was answered %v", err)
				}
			case <-time.After(shutdownTimeout / 2):
				t.Fatal("the batch goes on")
			}
			if err := <-stopped; tc.ordered && err != nil {
				t.Error(err)
			}
			stats := box.Stats()
			if stats.Commits != tc.commits || stats.OpenTransactions != 0 {
				t.Errorf("%d commits, %d open transactions", stats.Commits, stats.OpenTransactions)
			}
		})
	}
}

// TestAClientThatIsReplacedKeepsItsTransaction: the log-in session that its successor finds in the Secret is in use.
func TestAClientThatIsReplacedKeepsItsTransaction(t *testing.T) {
	box, conn, w := simulatedBox(t)
	cfg := w.config()
	cfg.Client = w.Client
	pool := NewPool(cfg)
	connect := func() *appliance.Appliance {
		t.Helper()
		a, err := pool.Connect(t.Context(), conn)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	err := connect().Change(t.Context(), appliance.Identity{}, func(ctx context.Context, tx *appliance.Transaction) error {
		if _, err := tx.Create(ctx, sps.Groups, sps.Body{"name": "g", "members": []any{}}); err != nil {
			return err
		}
		pool.Forget(ctx, metrics.SPS(client.ObjectKeyFromObject(conn)))
		return connect().Recover(ctx)
	})
	if stats := box.Stats(); err != nil || stats.Commits != 1 || stats.RollBacks != 0 {
		t.Errorf("%v, %+v", err, stats)
	}
	if err := pool.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestAFenceEndsTheBatch(t *testing.T) {
	box, conn, w := simulatedBox(t)
	var deposed error
	cfg := w.config()
	cfg.Fence = func() error { return deposed }
	a, err := NewPool(cfg).Connect(t.Context(), conn)
	if err != nil {
		t.Fatal(err)
	}
	err = a.Change(t.Context(), appliance.Identity{}, func(ctx context.Context, tx *appliance.Transaction) error {
		_, err := tx.Create(ctx, sps.Groups, sps.Body{"name": "g", "members": []any{}})
		deposed = http.ErrServerClosed
		return err
	})
	if !sps.IsFenced(err) || appliance.IsOutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
	if stats := box.Stats(); stats.Commits != 0 || stats.OpenTransactions != 0 || stats.RollBacks != 1 {
		t.Errorf("%+v", stats)
	}
}
