// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	coordinationv1 "k8s.io/api/coordination/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// lead has a Lease say that a manager leads, as the one of this suite does not; the time is how long ago it said so.
func lead(ctx context.Context) {
	GinkgoHelper()
	renew(leased(ctx, 0), 0) //nolint:contextcheck // it outlives the set-up
}

// leased makes the Lease of a manager that renewed it some time ago, by its clock.
func leased(ctx context.Context, ago time.Duration) *coordinationv1.Lease {
	GinkgoHelper()
	at := metav1.NewMicroTime(time.Now().Add(-ago))
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "pam-operator.io"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("suite"), LeaseDurationSeconds: new(int32(1)), RenewTime: &at,
		},
	}
	Expect(k8s.Create(ctx, lease)).To(Succeed())
	DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, lease))).To(Succeed()) })
	return lease
}

// renew renews a Lease as a leader does whose clock is behind, until the spec ends or stop is called.
func renew(lease *coordinationv1.Lease, behind time.Duration) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait := time.Duration(0); ; wait = 200 * time.Millisecond {
			select {
			case <-ctx.Done():
				return
			case <-time.After(wait):
			}
			at := time.Now().Add(-behind).UTC().Format("2006-01-02T15:04:05.000000Z07:00")
			patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"leaseDurationSeconds":3600,"renewTime":"`+at+`"}}`))
			_ = k8s.Patch(ctx, lease.DeepCopy(), patch) // the next one will do
		}
	}()
	stop = func() {
		cancel()
		<-done
	}
	DeferCleanup(stop)
	return stop
}

var _ = Describe("kubectl pam release", Serial, func() {
	var s *site
	BeforeEach(func(ctx context.Context) {
		s = newSite(ctx)
		s.create(ctx, s.policy("a"), s.policy("b"), builder.LocalUserGroup("staff", builder.InNamespace(s.namespace),
			builder.Connection("sps", "")))
		s.ready(ctx, "rdpcp/a", "rdpcp/b", "lug/staff")
	})

	onAppliance := func() int {
		return len(s.sps.Objects("rdp/connections")) + len(s.sps.Objects("aaa/local_database/groups"))
	}

	It("shows what would go", func(ctx context.Context) {
		lead(ctx)
		s.start(ctx, "--name", "live")
		r := s.pam(ctx, "release", "--connection", "nps", "--dry-run")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`(?m)^1 ActivitySession +nps +live: --sessions=end or --sessions=keep must say`))
		Expect(r.Err).To(ContainSubstring(
			"The manager is running: it is asked to release them (deletionPolicy: Orphan). Nothing was done"))
		r = s.pam(ctx, "release", "--connection", "nps", "--yes")
		Expect(r.Code).To(Equal(2), r.String())
		Expect(r.Err).To(ContainSubstring(
			"1 session is live: say what happens to them with --sessions=end or --sessions=keep"))
		Expect(s.pam(ctx, "status", "as/live", "--exit-code").Code).To(BeZero())
		for _, width := range []string{"80", "120"} {
			r := terminal{env: map[string]string{"COLUMNS": width, "LANG": "C"}}.pam(ctx, "-n", s.namespace,
				"release", "--connection", "sps", "--dry-run")
			Expect(r.Out).To(MatchRegexp(`(?m)^2 RDPConnectionPolicies +sps +stays on the appliance as it is$`))
		}
	})

	It("has a running manager release objects, and records them", func(ctx context.Context) {
		lead(ctx)
		before, writes := onAppliance(), s.sps.Stats().Commits
		record := filepath.Join(GinkgoT().TempDir(), "released.yaml")
		r := s.pam(ctx, "release", "--connection", "sps", "--yes", "--record", record, "--timeout", "1m")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(HaveSuffix("✔ 4 objects released\n"))
		Expect(onAppliance()).To(Equal(before))
		Expect(s.sps.Stats().Commits).To(Equal(writes))
		Expect(s.pam(ctx, "status").Out).NotTo(ContainSubstring("rdpcp/"))
		text, err := os.ReadFile(record)
		Expect(err).NotTo(HaveOccurred())
		Expect(string(text)).To(And(ContainSubstring("kind: SPSConnection"), ContainSubstring("name: staff")))
		Expect(string(text)).NotTo(Or(ContainSubstring("status:"), ContainSubstring("uid:"), ContainSubstring(spsPassword)))
		r = s.pam(ctx, "release", "rdpcp", "--dry-run", "-o", "json")
		Expect(r.Out).To(ContainSubstring(`"kind": "Release"`), r.String())
	})

	It("ends sessions with --sessions=end, and leaves them with --sessions=keep", func(ctx context.Context) {
		lead(ctx)
		s.start(ctx, "--name", "ends")
		ends := s.atServer(ctx, "ends").ID
		s.start(ctx, "--name", "stays")
		stays := s.atServer(ctx, "stays").ID
		Expect(s.pam(ctx, "release", "as/ends", "--sessions=end", "--yes").Code).To(BeZero())
		Expect(s.pam(ctx, "release", "as/stays", "--sessions=keep", "--yes").Code).To(BeZero())
		Eventually(func() string { return s.statusAt(ends) }).ShouldNot(Equal(s.statusAt(stays)))
		Expect(s.statusAt(stays)).To(Equal("Active"))
	})

	It("asks a manager whose clock is hours behind", func(ctx context.Context) {
		renew(leased(ctx, 2*time.Hour), 2*time.Hour)
		r := s.pam(ctx, "release", "rdpcp/a", "--dry-run")
		Expect(r.Err).To(ContainSubstring("The manager is running: it is asked to release them"), r.String())
	})

	It("takes off the finalizers if no manager runs, and cannot end sessions then", func(ctx context.Context) {
		leased(ctx, 0) // renewed just now, and never again
		// What a manager that is gone leaves behind: nobody reacts to these objects.
		o := s.policy("orphan", builder.Connection("sps", "nowhere"), builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Finalizers = []string{pamv1alpha1.Finalizer, "example.com/other"}
		}))
		s.create(ctx, o)
		var r run
		Eventually(func() int { // the manager of this suite does react, and then the precondition refuses
			r = s.pam(ctx, "release", "rdpcp/orphan", "--yes", "--timeout", "2s")
			return r.Code
		}).Should(Equal(124), "somebody else's finalizer holds it")
		Expect(r.Err).To(ContainSubstring("No manager is running: the finalizers are taken off."))
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
		Expect(o.Finalizers).To(Equal([]string{"example.com/other"}))
		unheld := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
		Expect(k8s.Patch(ctx, o, unheld)).To(Succeed())
		s.start(ctx, "--name", "live")
		r = s.pam(ctx, "release", "as/live", "--sessions=end", "--yes")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("no manager runs, so nobody can end sessions"))
	})

	It("leaves alone what a GitOps tool would create again", func(ctx context.Context) {
		lead(ctx)
		s.create(ctx, s.policy("git", builder.Annotation("argocd.argoproj.io/tracking-id", "app:x")))
		r := s.pam(ctx, "release", "rdpcp/git", "--yes")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("which would create it again"))
		Expect(s.pam(ctx, "release").Code).To(Equal(2))
		Expect(s.pam(ctx, "release", "-A", "--sessions=burn").Code).To(Equal(2))
		var d any
		Expect(json.Unmarshal([]byte(s.pam(ctx, "release", "rdpcp/a", "--yes", "-o", "json").Out), &d)).To(Succeed())
	})
})

// statusAt is how the server calls the state of a session.
func (s *site) statusAt(id string) string {
	session, _ := s.nps.Session(id)
	return session.Status
}

// atServer is what the server knows of a session.
func (s *site) atServer(ctx context.Context, name string) simnps.Session {
	GinkgoHelper()
	o := &pamv1alpha1.ActivitySession{}
	Expect(k8s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, o)).To(Succeed())
	session, there := s.nps.Session(o.Status.SessionID)
	Expect(there).To(BeTrue())
	return session
}
