// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	npsUser = `LAB\svc-proof`
	// proofPoll is short, to keep trials short.
	proofPoll = 50 * time.Millisecond
)

// sessionBed is a namespace in which sessions are requested one after the other, and a manager that watches only this
// namespace, through a tap. It is not started yet.
type sessionBed struct {
	cluster   *cluster
	namespace string
	ca        *simulator.CA
	api       *tap
	manager   *manager
	trials    int
	killing   sync.Mutex
	// killed is whether a strike has killed the manager and the next one has not been started.
	killed bool
	// current is the name of the current trial's objects, whose writes the tap counts.
	current atomic.Value
}

func newSessionBed(t *testing.T, c *cluster) *sessionBed {
	t.Helper()
	server, err := apiServer(c.managerConfig)
	if err != nil {
		t.Fatal(err)
	}
	ca, err := simulator.NewCA()
	if err != nil {
		t.Fatal(err)
	}
	b := &sessionBed{cluster: c, namespace: c.newNamespace("sessions"), ca: ca}
	b.current.Store("")
	b.api = &tap{server: server, class: func(r *http.Request) string {
		name, _ := b.current.Load().(string)
		return writeClass(r, name)
	}}
	kubeconfig := serveAPI(t, b.api)
	b.manager = newManager(t, c, b.namespace)
	b.manager.kubeconfig = kubeconfig
	in := builder.InNamespace(b.namespace)
	c.apply(t, builder.Namespace(b.namespace),
		builder.Secret(builder.NPSCredentials, map[string]string{
			"username": npsUser, "password": simnps.DefaultPassword, "mfaCode": simnps.DefaultMFACode,
		}, in),
		&corev1.ConfigMap{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{Namespace: b.namespace, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(ca.CertificatePEM())},
		})
	return b
}

// sessionTrial is one object with a server of its own.
type sessionTrial struct {
	*testing.T

	bed    *sessionBed
	name   string // of the object and of its connection
	server *simnps.Server
	nps    *tap
	strike *strike // nil in an undisturbed trial
	begun  time.Time
}

// newTrial starts a server, which is reached through a tap.
func (b *sessionBed) newTrial(t *testing.T, c course) *sessionTrial {
	t.Helper()
	b.trials++
	options := simnps.Options{
		Users:    []simnps.User{{Login: npsUser, Password: simnps.DefaultPassword, MFACode: simnps.DefaultMFACode}},
		Switches: simnps.Switches{CreateSwitches: c.switches},
	}
	s := &sessionTrial{
		T: t, bed: b, name: "trial-" + strconv.Itoa(b.trials), server: simnps.New(options), begun: time.Now(),
	}
	s.nps = &tap{server: s.server.Handler(), class: npsClass}
	s.nps.reset(nil, nil)
	for _, rule := range c.faults {
		if err := s.server.Faults().Set(rule); err != nil {
			t.Fatal(err)
		}
	}
	b.current.Store(s.name)
	b.api.reset(nil, nil)
	return s
}

// arm schedules a strike for this trial.
func (s *sessionTrial) arm(at moment, after bool, act func() (answer bool)) {
	s.strike = &strike{moment: at, after: after, act: act, over: make(chan struct{})}
	if at.isCall() {
		s.nps.reset(s.strike, nil)
	} else {
		s.bed.api.reset(s.strike, nil)
	}
}

// connect creates the connection, and waits for it.
func (s *sessionTrial) connect() {
	s.Helper()
	running, err := simulator.Serve(s.Context(), simulator.Config{
		CA: s.bed.ca, Listeners: []simulator.Listener{{Name: "nps", Handler: s.nps}},
	})
	if err != nil {
		s.Fatal(err)
	}
	fast := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: 2 * proofPoll}, Active: &metav1.Duration{Duration: 10 * proofPoll},
		}
		c.Spec.Limits = &pamv1alpha1.NPSLimits{RequestsPerSecond: new(int32(1000))}
	})
	conn := builder.NPSConnection(s.name, builder.InNamespace(s.bed.namespace), builder.URL(running.URL("nps")),
		builder.TrustedCA("ca"), builder.UserSignIn(), fast)
	s.create(conn)
	s.Cleanup(func() {
		if err := client.IgnoreNotFound(s.bed.cluster.client.Delete(context.WithoutCancel(s.Context()), conn)); err != nil {
			s.Error(err)
		}
	})
	s.eventually(func(g Gomega) {
		s.get(g, conn)
		g.Expect(readyReason(conn.Status.Conditions)).To(Equal("True Synced"))
	})
}

func (s *sessionTrial) create(o client.Object) {
	s.Helper()
	if err := s.bed.cluster.client.Create(s.Context(), o); err != nil {
		s.Fatal(err)
	}
}

func (s *sessionTrial) get(g Gomega, o client.Object) {
	g.Expect(s.bed.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(o), o)).To(Succeed())
}

func (s *sessionTrial) gone(g Gomega, o client.Object) {
	err := s.bed.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(o), o)
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%T %s is still there (%v)", o, o.GetName(), err)
}

// ask creates the object.
func (s *sessionTrial) ask() {
	s.Helper()
	s.create(s.object(builder.Connection(s.name, "")))
}

func (s *sessionTrial) object(options ...builder.Option) *pamv1alpha1.ActivitySession {
	return builder.ActivitySession(s.name,
		append(options, builder.InNamespace(s.bed.namespace), builder.RequestedBy(controlplane.Admin))...)
}

func (s *sessionTrial) secret() *corev1.Secret {
	return builder.Secret(s.name, nil, builder.InNamespace(s.bed.namespace))
}

// live are the sessions at the server that are not over.
func (s *sessionTrial) live() []string {
	live := []string{}
	for _, session := range s.server.Sessions() {
		if session.Ended.IsZero() {
			live = append(live, session.ID)
		}
	}
	return live
}

// active waits until the session can be used: exactly one lives, it is the object's, and its Secret exists.
func (s *sessionTrial) active() *pamv1alpha1.ActivitySession {
	s.Helper()
	session, secret := s.object(), s.secret()
	s.eventually(func(g Gomega) {
		s.get(g, session)
		g.Expect(readyReason(session.Status.Conditions)).To(Equal("True Active"))
		s.get(g, secret)
		g.Expect(secret.Data).To(HaveKeyWithValue("session-id", []byte(session.Status.SessionID)))
		g.Expect(s.live()).To(ConsistOf(session.Status.SessionID))
	})
	return session
}

// goneOrReady waits for the end of an object that a strike deletes or, if the strike did not happen, until the session
// can be used.
func (s *sessionTrial) goneOrReady() {
	s.Helper()
	session := s.object()
	s.eventually(func(g Gomega) {
		err := s.bed.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(session), session)
		g.Expect(client.IgnoreNotFound(err)).To(Succeed())
		g.Expect(err != nil || readyReason(session.Status.Conditions) == "True Active").To(BeTrue())
	})
}

// delete requests the deletion of the object, unless it is already gone.
func (s *sessionTrial) delete() {
	s.Helper()
	if err := client.IgnoreNotFound(s.bed.cluster.client.Delete(s.Context(), s.object())); err != nil {
		s.Error(err)
	}
}

// remove deletes the object and waits until it is gone. Then nothing may be left of it.
func (s *sessionTrial) remove() {
	s.Helper()
	s.delete()
	s.eventually(func(g Gomega) { s.gone(g, s.object()) })
	s.expectNothingLives()
}

func (s *sessionTrial) expectNothingLives() {
	s.Helper()
	if live := s.live(); len(live) != 0 {
		s.Errorf("the object is gone, but the server still has %v", live)
	}
	s.gone(NewWithT(s.T), s.secret())
}

// eventually waits for a state that the manager brings about, and starts the next manager if the strike has killed it.
func (s *sessionTrial) eventually(reached func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(func(g Gomega) {
		s.keepRunning()
		reached(g)
	}).WithTimeout(within).WithPolling(proofPoll).Should(Succeed())
}

// keepRunning replaces a manager that a strike has killed, as a Deployment does.
func (s *sessionTrial) keepRunning() {
	m := s.bed.manager
	select {
	case <-m.running().Done():
	default:
		return
	}
	s.bed.killing.Lock()
	defer s.bed.killing.Unlock()
	if !s.bed.killed {
		m.alive()
	}
	s.bed.killed = false
	m.start(s.T)
}

// kill kills the manager and returns when it is gone.
func (b *sessionBed) kill(t *testing.T) {
	t.Helper()
	b.killing.Lock()
	defer b.killing.Unlock()
	b.killed = true
	if err := b.manager.kill(); err != nil {
		t.Error(err)
	}
}
