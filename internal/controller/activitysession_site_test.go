// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// refuseStatusWrites is an annotation that the manager's cache keeps: the manager cannot write the status of an object
// whose value begins with "refuse". With "refuse answers", it can write that it sends a request, and not what came of
// it.
const refuseStatusWrites = pamv1alpha1.AnnotationSuspendReason

// connectionWrites counts how often the status of each NPSConnection was written.
var connectionWrites sync.Map

// newFaultyClient makes the manager's client, which fails where an object asks for it.
func newFaultyClient(config *rest.Config, options client.Options) (client.Client, error) {
	c, err := client.NewWithWatch(config, options)
	if err != nil {
		return nil, err
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Create: createPart,
		SubResourcePatch: func(
			ctx context.Context, c client.Client, subResource string, obj client.Object, patch client.Patch,
			options ...client.SubResourcePatchOption,
		) error {
			session, ok := obj.(*pamv1alpha1.ActivitySession)
			asked := obj.GetAnnotations()[refuseStatusWrites]
			mark := ok && asked == "refuse answers" && session.Status.SessionID == ""
			if strings.HasPrefix(asked, "refuse") && !mark {
				return errors.New("the API server does not answer")
			}
			if _, ok := obj.(*pamv1alpha1.NPSConnection); ok {
				written, _ := connectionWrites.LoadOrStore(client.ObjectKeyFromObject(obj), new(atomic.Int64))
				if count, ok := written.(*atomic.Int64); ok {
					count.Add(1)
				}
			}
			return c.SubResource(subResource).Patch(ctx, obj, patch, options...)
		},
	}), nil
}

// movingClock is a server's clock that a test can put forward.
type movingClock struct{ ahead atomic.Int64 }

func (c *movingClock) now() time.Time              { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *movingClock) putForward(by time.Duration) { c.ahead.Add(int64(by)) }

// newServerSite starts appliances, and creates a ready connection named nps whose user needs no second factor.
func newServerSite(ctx context.Context, options simnps.Options, more ...builder.Option) *site {
	s := newSiteOf(ctx, simsps.Options{}, options)
	s.create(ctx, s.quickSecret(simnps.DefaultPassword), s.quickConnection(more...))
	eventuallyReady(ctx, builder.NPSConnection("nps", builder.InNamespace(s.namespace)))
	return s
}

// canaryWrongPassword is refused by the server.
const canaryWrongPassword = "canary-wrong-nps-password"

// quickCredentials is the Secret of the user who needs no second factor: nothing waits for the next code.
const quickCredentials = "nps-quick"

func (s *site) quickSecret(password string) *corev1.Secret {
	return builder.Secret(quickCredentials, map[string]string{
		"username": simnps.DefaultUserNoMFA, "password": password,
	}, builder.InNamespace(s.namespace))
}

func (s *site) quickConnection(more ...builder.Option) *pamv1alpha1.NPSConnection {
	quick := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Auth.User = &pamv1alpha1.NPSUser{
			CredentialsSecretRef: pamv1alpha1.SecretReference{Name: quickCredentials},
		}
	})
	return s.npsConnection(append([]builder.Option{quick}, more...)...)
}

// session creates a request for an SSH session, unless options say otherwise.
func (s *site) session(ctx context.Context, name string, options ...builder.Option) *pamv1alpha1.ActivitySession {
	GinkgoHelper()
	session := builder.ActivitySession(name, append(s.in("nps"), options...)...)
	s.create(ctx, session)
	return session
}

// activeSession is a session that can be used, with its Secret.
func (s *site) activeSession(ctx context.Context, name string, options ...builder.Option) *pamv1alpha1.ActivitySession {
	GinkgoHelper()
	session := s.session(ctx, name, options...)
	eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
	eventuallyReady(ctx, session)
	return session
}

// wake makes the operator look at a session although nothing happened.
func (s *site) wake(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	change(ctx, session, func(o *pamv1alpha1.ActivitySession) {
		builder.Annotation(wakes, time.Now().Format(time.RFC3339Nano))(o)
	})
}

// lookAgain has the operator look at an active session several times. Each is over when the one after has begun, which
// a Secret that is taken away tells.
func (s *site) lookAgain(ctx context.Context, session *pamv1alpha1.ActivitySession) {
	GinkgoHelper()
	for range 3 {
		secret := secretOf(ctx, session)
		Expect(secret).NotTo(BeNil())
		secret.Data["expires-at"] = []byte("soon")
		Expect(k8s.Update(ctx, secret)).To(Succeed())
		Eventually(value(ctx, session, "expires-at")).ShouldNot(Equal("soon"))
	}
}

// down makes the server cut every connection until up is called.
func (s *site) down() {
	GinkgoHelper()
	Expect(s.nps.Faults().Set(fault.Rule{Name: "down", Drop: fault.DropBefore})).To(Succeed())
}

func (s *site) up() { s.nps.Faults().Remove("down") }

// fault makes the server misbehave.
func (s *site) fault(rule fault.Rule) {
	GinkgoHelper()
	Expect(s.nps.Faults().Set(rule)).To(Succeed())
}

const createPath = "/api/v1/ActivitySession$"

// atServer is what the server knows of a session.
func (s *site) atServer(session *pamv1alpha1.ActivitySession) simnps.Session {
	GinkgoHelper()
	Expect(session.Status.SessionID).NotTo(BeEmpty())
	there, ok := s.nps.Session(session.Status.SessionID)
	Expect(ok).To(BeTrue(), "the server does not have the session")
	return there
}

// client is a client of the same user as the operator's.
func (s *site) client() *nps.Client {
	GinkgoHelper()
	c, err := nps.New(nps.Config{
		URL: s.running.URL("nps"), TLS: trusting(s.ca),
		Auth: nps.User{Username: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(c.Close)
	return c
}

// phase reads the phase of a session.
func phase(ctx context.Context, session *pamv1alpha1.ActivitySession) func() pamv1alpha1.SessionPhase {
	return func() pamv1alpha1.SessionPhase {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(session), session); err != nil {
			return pamv1alpha1.SessionPhase(err.Error())
		}
		return session.Status.Phase
	}
}

func eventuallyPhase(
	ctx context.Context, session *pamv1alpha1.ActivitySession, want pamv1alpha1.SessionPhase,
) {
	GinkgoHelper()
	Eventually(phase(ctx, session)).Should(Equal(want), func() string { return describe(session) })
	Expect(checkSession(session)).To(Succeed())
}

// secretOf reads the connection Secret of a session; nil if there is none.
func secretOf(ctx context.Context, session *pamv1alpha1.ActivitySession) *corev1.Secret {
	GinkgoHelper()
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: session.Namespace, Name: session.SecretName()}
	err := k8s.Get(ctx, key, secret)
	Expect(client.IgnoreNotFound(err)).To(Succeed())
	if err != nil {
		return nil
	}
	return secret
}

// value reads one key of the connection Secret.
func value(ctx context.Context, session *pamv1alpha1.ActivitySession, key string) func() string {
	return func() string {
		if secret := secretOf(ctx, session); secret != nil {
			return string(secret.Data[key])
		}
		return "no Secret"
	}
}

// condition is the status of a condition, empty if there is none.
func condition(o client.Object, kind string) metav1.ConditionStatus {
	if c := meta.FindStatusCondition(conditions(o), kind); c != nil {
		return c.Status
	}
	return ""
}

// checkSession proves what must be true of any session that was looked at.
func checkSession(session *pamv1alpha1.ActivitySession) error {
	status := &session.Status
	is := func(kind string) bool { return condition(session, kind) == metav1.ConditionTrue }
	phases := []pamv1alpha1.SessionPhase{
		pamv1alpha1.SessionPending, pamv1alpha1.SessionWaitingForApproval, pamv1alpha1.SessionScheduled,
		pamv1alpha1.SessionStarting, pamv1alpha1.SessionActive, pamv1alpha1.SessionEnding,
	}
	rank := func(p pamv1alpha1.SessionPhase) int {
		if p.Terminal() {
			return len(phases)
		}
		return slices.Index(phases, p)
	}
	forward := slices.IsSortedFunc(status.History, func(a, b pamv1alpha1.SessionTransition) int {
		return rank(a.Phase) - rank(b.Phase)
	})
	switch {
	case is(pamv1alpha1.ConditionActive) != (status.Phase == pamv1alpha1.SessionActive):
		return errors.New("the condition Active does not fit the phase " + string(status.Phase))
	case is(pamv1alpha1.ConditionFinished) != status.Phase.Terminal():
		return errors.New("the condition Finished does not fit the phase " + string(status.Phase))
	case !forward:
		return errors.New("a phase was left backwards")
	case len(status.History) == 0 || status.History[len(status.History)-1].Phase != status.Phase:
		return errors.New("the history does not end on the phase " + string(status.Phase))
	case waits(session) && status.Deadline == nil && status.ExpiresAt == nil:
		return errors.New("neither deadline nor expiry in the phase " + string(status.Phase))
	case status.Phase.Terminal() && (status.EndTime == nil || status.ConnectionSecretRef != nil):
		return errors.New("a session that is over has no endTime, or a Secret")
	}
	return nil
}

// waits says that a session must not stay as it is for ever.
func waits(session *pamv1alpha1.ActivitySession) bool {
	stalled := meta.FindStatusCondition(conditions(session), pamv1alpha1.ConditionStalled)
	invalid := stalled != nil && stalled.Reason == pamv1alpha1.ReasonInvalidSpec // until its author acts
	held := (session.Suspended() || invalid) && session.Status.Phase == pamv1alpha1.SessionPending
	return !held && !session.Status.Phase.Terminal() && session.DeletionTimestamp == nil
}

// checkSessions proves what must be true of the sessions of a site whatever a test did.
func (s *site) checkSessions(ctx context.Context) {
	GinkgoHelper()
	sessions, secrets := &pamv1alpha1.ActivitySessionList{}, &corev1.SecretList{}
	Expect(k8s.List(ctx, sessions, client.InNamespace(s.namespace))).To(Succeed())
	Expect(k8s.List(ctx, secrets, client.InNamespace(s.namespace))).To(Succeed())
	text, err := json.Marshal(sessions)
	Expect(err).NotTo(HaveOccurred())
	shown := string(text) + logs.String()
	for i := range secrets.Items {
		for _, key := range []string{"rdp", "ssh-url", "password"} {
			content := string(secrets.Items[i].Data[key])
			Expect(content != "" && strings.Contains(shown, content)).To(BeFalse(), "connection data is shown: "+key)
		}
	}
	for i := range sessions.Items {
		session := &sessions.Items[i]
		if session.Status.Phase == "" {
			continue
		}
		Expect(checkSession(session)).To(Succeed(), session.Name)
		secret := secretOf(ctx, session)
		over := session.Status.Phase.Terminal() && secret != nil && metav1.IsControlledBy(secret, session)
		Expect(over && secret.DeletionTimestamp == nil).To(BeFalse(), "a Secret has outlived session "+session.Name)
	}
	live := map[string]int{}
	for _, there := range s.nps.Sessions() {
		words := strings.Fields(there.Note)
		if len(words) > 0 && !slices.Contains(ended, there.Status) {
			live[words[0]]++
		}
	}
	Expect(live).NotTo(ContainElement(BeNumerically(">", 1)), "two sessions live for one request")
}

// ended are the server's states of sessions that are over, or about to be.
var ended = []string{"Cancelling", "Complete", "Failed", "Cancelled", "ApprovalDenied", "ApprovalFailed"}

// trusting makes the TLS settings of a client that trusts one CA.
func trusting(ca string) *tls.Config {
	GinkgoHelper()
	roots := x509.NewCertPool()
	Expect(roots.AppendCertsFromPEM([]byte(ca))).To(BeTrue())
	return &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

// patchFrom is a patch of what is changed in an object from now on.
func patchFrom[T client.Object](o T) client.Patch {
	copied, ok := o.DeepCopyObject().(T)
	Expect(ok).To(BeTrue())
	return client.MergeFrom(copied)
}

// eventuallyEvent waits for an Event with a reason whose text holds some words.
func eventuallyEvent(ctx context.Context, namespace, reason, words string) {
	GinkgoHelper()
	Eventually(func() []string {
		list := &eventsv1.EventList{}
		Expect(k8s.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
		var notes []string
		for i := range list.Items {
			if list.Items[i].Reason == reason {
				notes = append(notes, list.Items[i].Note)
			}
		}
		return notes
	}).Should(ContainElement(ContainSubstring(words)))
}
