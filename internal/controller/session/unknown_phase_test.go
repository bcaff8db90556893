// SPDX-License-Identifier: Apache-2.0

package session

import (
	"crypto/tls"
	"crypto/x509"
	"net/http/httptest"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sessions"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
)

// afterDowngrade is an object in a phase that a newer version wrote, the simulated server with its session, and a
// reconciler.
func afterDowngrade(t *testing.T) (*pamv1alpha1.ActivitySession, *simnps.Server, *sessions.Server, *reconciler) {
	t.Helper()
	simulated := simnps.New(simnps.Options{})
	listener := httptest.NewTLSServer(simulated.Handler())
	t.Cleanup(listener.Close)
	roots := x509.NewCertPool()
	roots.AddCert(listener.Certificate())
	c, err := nps.New(nps.Config{
		URL: listener.URL, TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		Auth: nps.User{Username: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	poller := sessions.NewPoller(nil)
	poller.Close() // without lists, sessions are read
	scheme := runtime.NewScheme()
	if err := pamv1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	cluster := fake.NewClientBuilder().WithScheme(scheme).Build()
	r := newReconciler(loop.Deps{
		Client: cluster, Live: cluster, Pool: connection.NewPool(connection.Config{Cache: cluster, Live: cluster}),
	})
	s := &pamv1alpha1.ActivitySession{}
	s.Namespace, s.Name, s.UID, s.Status.Phase = "default", "session", "uid", "Hibernating"
	return s, simulated, sessions.NewServer(sessions.ServerConfig{Client: c, Poller: poller}), r
}

func TestASessionLeavesAPhaseThatIsNotKnownForThatOfItsStateAtTheServer(t *testing.T) {
	for status, want := range map[simnps.Status]pamv1alpha1.SessionPhase{
		simnps.ApprovalRequired: pamv1alpha1.SessionWaitingForApproval, simnps.Active: pamv1alpha1.SessionActive,
		simnps.Cancelling: pamv1alpha1.SessionEnding, simnps.Complete: pamv1alpha1.SessionCompleted,
		simnps.ApprovalDenied: pamv1alpha1.SessionDenied,
	} {
		t.Run(status.String(), func(t *testing.T) {
			s, simulated, server, r := afterDowngrade(t)
			created, err := server.Client().Create(t.Context(), nps.CreateRequest{
				ActivityName: "Linux root", ManagedResourceName: "db1.payments.example.com", Note: loop.NewRequestID(s),
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := simulated.SetStatus(created.ID, status); err != nil {
				t.Fatal(err)
			}
			s.Status.SessionID = created.ID
			if _, err := r.follower.observer.look(t.Context(), server, s); err != nil || s.Status.Phase != want {
				t.Errorf("the phase is %s, want %s (%v)", s.Status.Phase, want, err)
			}
		})
	}
}

func TestASessionInAPhaseThatIsNotKnownIsNotRequestedAgain(t *testing.T) {
	s, simulated, _, r := afterDowngrade(t)
	out, err := r.advance(t.Context(), s)
	if err != nil || out.State != loop.StateStalled || s.Status.Phase != "Hibernating" {
		t.Errorf("phase %s, %+v, %v", s.Status.Phase, out, err)
	}
	if n := simulated.Stats().Creates; n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}
