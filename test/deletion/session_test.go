// SPDX-License-Identifier: Apache-2.0

package deletion_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// keptSession is a session with deletionPolicy Keep, alone in a namespace with all it needs, and what is deleted.
type keptSession struct {
	name    string
	things  []what
	session *pamv1alpha1.ActivitySession
	server  *simnps.Server
}

// keptSessions are those of every order that makes a difference.
func keptSessions(prefix string, server *simnps.Server) []*keptSession {
	var out []*keptSession
	for i, things := range [][]what{{object}, {connection, object}, {object, connection}, {secret, object}, {namespace}} {
		out = append(out, &keptSession{name: fmt.Sprintf("%s-%d", prefix, i), things: things, server: server})
	}
	return out
}

var _ = Describe("Deleting sessions that are kept", Ordered, func() {
	for _, down := range []bool{false, true} {
		for _, restarts := range []bool{false, true} {
			It(fmt.Sprintf("needs no deadline in any order, and leaves them alone: server down %t, manager restarts %t",
				down, restarts), func(ctx context.Context) {
				server := simnps.New(simnps.Options{
					Users: []simnps.User{{Login: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword}},
				})
				running, err := simulator.Serve(ctx, simulator.Config{
					Listeners: []simulator.Listener{{Name: "nps", Handler: server.Handler()}},
				})
				Expect(err).NotTo(HaveOccurred())
				stop := startManager(ctx, never)
				sites := keptSessions(fmt.Sprintf("kept-%t-%t", down, restarts), server)
				for _, k := range sites {
					k.create(ctx, running)
				}
				for _, k := range sites {
					k.eventuallyActive(ctx)
				}
				if down {
					Expect(server.Faults().Set(fault.Rule{Name: "down", Drop: fault.DropBefore})).To(Succeed())
				}
				if restarts {
					stop()
				}
				for _, k := range sites {
					k.remove(ctx)
				}
				if restarts {
					startManager(ctx, never)
				}
				for _, k := range sites {
					k.eventuallyLetGo(ctx)
				}
			})
		}
	}
})

func (k *keptSession) create(ctx context.Context, running *simulator.Running) {
	GinkgoHelper()
	in := builder.InNamespace(k.name)
	k.session = builder.ActivitySession("kept", in, builder.Connection("nps", ""),
		builder.With(func(s *pamv1alpha1.ActivitySession) {
			s.Spec.DeletionPolicy = pamv1alpha1.SessionDeletionPolicyKeep
		}))
	create(ctx, builder.Namespace(k.name),
		builder.Secret(builder.NPSCredentials, map[string]string{
			"username": simnps.DefaultUserNoMFA, "password": simnps.DefaultPassword,
		}, in),
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: k.name, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(running.CA().CertificatePEM())},
		},
		builder.NPSConnection("nps", in, builder.URL(running.URL("nps")), builder.TrustedCA("ca"), builder.UserSignIn(),
			builder.With(func(c *pamv1alpha1.NPSConnection) {
				c.Spec.Polling = &pamv1alpha1.NPSPolling{Starting: &metav1.Duration{Duration: 200 * time.Millisecond}}
			})),
		k.session)
}

func (k *keptSession) eventuallyActive(ctx context.Context) {
	GinkgoHelper()
	Eventually(func() string {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(k.session), k.session); err != nil {
			return err.Error()
		}
		return readiness(k.session)
	}).Should(HavePrefix("True Active"))
}

func (k *keptSession) remove(ctx context.Context) {
	GinkgoHelper()
	in := builder.InNamespace(k.name)
	for _, w := range k.things {
		Expect(k8s.Delete(ctx, map[what]client.Object{
			object: k.session.DeepCopy(), connection: builder.NPSConnection("nps", in),
			secret: builder.Secret(builder.NPSCredentials, nil, in), namespace: builder.Namespace(k.name),
		}[w])).To(Succeed())
	}
}

// eventuallyLetGo waits until the object is gone. Its session lives on, its Secret does not, and nothing is recorded as
// left over, because that was wanted.
func (k *keptSession) eventuallyLetGo(ctx context.Context) {
	GinkgoHelper()
	about := func() string { return k.name + " " + fmt.Sprint(k.things) + "\n" + logs.About(k.name) }
	gone := &pamv1alpha1.ActivitySession{}
	Eventually(func() error {
		return k8s.Get(ctx, client.ObjectKeyFromObject(k.session), gone)
	}).Should(Satisfy(isGone), about)
	Eventually(func() error {
		return k8s.Get(ctx, client.ObjectKey{Namespace: k.name, Name: "kept"}, &corev1.Secret{})
	}).Should(Satisfy(isGone), about)
	there, ok := k.server.Session(k.session.Status.SessionID)
	Expect(ok).To(BeTrue(), about)
	Expect(there.Status).To(Equal("Active"), about)
	Expect(k.server.Faults().Count(http.MethodDelete, k.session.Status.SessionID)).To(BeZero(), about)
	records := &corev1.ConfigMapList{}
	Expect(k8s.List(ctx, records, client.HasLabels{pamv1alpha1.LabelLeftover})).To(Succeed())
	for _, record := range records.Items {
		Expect(strings.HasPrefix(record.Data["namespace"], "kept-")).To(BeFalse(), about)
	}
}
