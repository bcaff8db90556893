// SPDX-License-Identifier: Apache-2.0

package site

import (
	"net/http"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// Collections and calls of the two servers.
const (
	Policies = "rdp/connections"
	Users    = "aaa/local_database/users"
	Groups   = "aaa/local_database/groups"
	// CommitPath is the resource of the transaction, which PUT commits.
	CommitPath = "/api/transaction"

	spsUser     = "pam-operator"
	spsPassword = "invented-password-of-the-appliance"
	npsUser     = `LAB\svc-site`
	caName      = "ca"
	poll        = 50 * time.Millisecond
)

// Servers are a simulated appliance and a simulated server.
type Servers struct {
	SPS *simsps.Appliance
	NPS *simnps.Server

	running *simulator.Running
}

// Serve starts both, until the test ends.
func Serve(t *testing.T) *Servers {
	t.Helper()
	s := &Servers{
		SPS: simsps.New(simsps.Options{Users: map[string]string{spsUser: spsPassword}}),
		NPS: simnps.New(simnps.Options{Users: []simnps.User{{
			Login: npsUser, Password: simnps.DefaultPassword, MFACode: simnps.DefaultMFACode,
		}}}),
	}
	var err error
	s.running, err = simulator.Serve(t.Context(), simulator.Config{Listeners: []simulator.Listener{
		{Name: "sps", Handler: s.SPS.Handler()}, {Name: "nps", Handler: s.NPS.Handler()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Credentials are what the connections of a namespace refer to.
func (s *Servers) Credentials(namespace string) []client.Object {
	in := builder.InNamespace(namespace)
	return []client.Object{
		builder.SPSCredentialsSecret(spsUser, spsPassword, in),
		builder.Secret(builder.NPSCredentials, map[string]string{
			"username": npsUser, "password": simnps.DefaultPassword, "mfaCode": simnps.DefaultMFACode,
		}, in),
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: caName},
			Data:       map[string]string{"ca.crt": string(s.running.CA().CertificatePEM())},
		},
	}
}

// SPSConnection is a connection to the appliance, by default under the name that objects refer to by default.
func (s *Servers) SPSConnection(namespace string, options ...builder.Option) *pamv1alpha1.SPSConnection {
	return builder.SPSConnection(builder.DefaultSPSConnection, slices.Concat([]builder.Option{
		builder.InNamespace(namespace), builder.URL(s.running.URL("sps")), builder.TrustedCA(caName),
		builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.Commit = &pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: poll}}
		}),
	}, options)...)
}

// NPSConnection is a connection to the server.
func (s *Servers) NPSConnection(namespace string, options ...builder.Option) *pamv1alpha1.NPSConnection {
	return builder.NPSConnection(builder.DefaultNPSConnection, slices.Concat([]builder.Option{
		builder.InNamespace(namespace), builder.URL(s.running.URL("nps")), builder.TrustedCA(caName), builder.UserSignIn(),
		builder.With(func(c *pamv1alpha1.NPSConnection) {
			c.Spec.Polling = &pamv1alpha1.NPSPolling{
				Starting: &metav1.Duration{Duration: poll}, Active: &metav1.Duration{Duration: 2 * poll},
			}
		}),
	}, options)...)
}

// Live are the ids of the sessions at the NPS server that have not ended.
func (s *Servers) Live() []string {
	live := []string{}
	for _, session := range s.NPS.Sessions() {
		if session.Ended.IsZero() {
			live = append(live, session.ID)
		}
	}
	return live
}

// Names are the names in a collection of the appliance.
func (s *Servers) Names(collection string) []string {
	objects := s.SPS.Objects(collection)
	names := make([]string, 0, len(objects))
	for _, o := range objects {
		name, _ := o.Body["name"].(string)
		names = append(names, name)
	}
	return names
}

// Meet calls act when the next request of this method and path arrives at a server, before the server sees it. met is
// closed before that, so that act may wait for what waits for met. An empty method or path matches all.
func Meet(at *fault.Injector, method, path string, act func()) (met <-chan struct{}) {
	done := make(chan struct{})
	matches := regexp.MustCompile(path)
	var once sync.Once
	at.OnRequest(func(r *http.Request) {
		if (method == "" || r.Method == method) && matches.MatchString(r.URL.Path) {
			once.Do(func() { close(done); act() })
		}
	})
	return done
}

// Await waits until all of these have happened.
func Await(t *testing.T, all ...<-chan struct{}) {
	t.Helper()
	for _, met := range all {
		select {
		case <-met:
		case <-time.After(Within):
			t.Fatal("a request that was waited for did not come")
		}
	}
}
