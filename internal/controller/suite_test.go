// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/manager"
)

// patience is how long a state is waited for; it is reached much sooner, or never.
const patience = 90 * time.Second

// deletionDeadline is short, so that a test can see it pass.
const deletionDeadline = 3 * time.Second

var (
	k8s  client.Client
	logs manager.Log
	// planeConfig is how an administrator of the cluster reaches the API server.
	planeConfig *rest.Config
)

func TestControllers(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	SetDefaultConsistentlyDuration(time.Second)
	RunSpecs(t, "Controllers")
}

var _ = BeforeSuite(func() {
	logs.Capture()
	ctx, cancel := context.WithCancel(context.Background())
	plane, err := controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ControllerManager: true,
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		Expect(plane.Stop()).To(Succeed())
	})
	planeConfig = plane.Config
	Expect(pamv1alpha1.AddToScheme(scheme.Scheme)).To(Succeed())
	planeConfig = plane.Config
	k8s, err = client.New(plane.Config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	startManager(ctx, plane)
})

// startManager runs the controllers, with short waits.
func startManager(ctx context.Context, plane *controlplane.ControlPlane) {
	config := rest.CopyConfig(plane.Config)
	config.Wrap(noteInformers)
	mgr := manager.New(config, func(o *ctrl.Options) { o.NewClient = newFaultyClient })
	noteReasons(ctx, mgr.GetCache())
	noteStates(ctx, mgr.GetCache())
	DeferCleanup(expectNoForeignInformers) // after the manager has stopped
	manager.Start(ctx, mgr, loop.Options{
		DeletionDeadline: deletionDeadline, Concurrency: 200, LockedRetry: 200 * time.Millisecond,
		SecondLook: 300 * time.Millisecond, RecoveryWindow: time.Second, TerminationPatience: 2 * time.Second,
		RequestPause: requestPause, Metrics: objectMetrics, Tracer: tracer(),
	})
}

// requestPause is short, because many specs ask for several reconciles; reconcile_request_test.go measures it.
const requestPause = 50 * time.Millisecond

// site is a namespace with its own simulated appliances and connections to them.
type site struct {
	namespace string
	sps       *simsps.Appliance
	nps       *simnps.Server
	ca        string
	running   *simulator.Running
}

var sites atomic.Uint64

// secrets are texts that must never be seen outside a Secret.
const (
	canarySPSPassword  = "canary-sps-password"
	canaryUserPassword = "canary-user-password"
	canaryTOTPSecret   = "CANARYTOTPSECRET" // in Base32, what all of them begin with
)

// newSite starts appliances, and creates ready connections named sps and nps.
func newSite(ctx context.Context, sps simsps.Options) *site {
	s := newBareSite(ctx, sps)
	s.create(ctx, s.spsConnection("sps"), s.npsConnection())
	eventuallyReady(ctx, builder.SPSConnection("sps", builder.InNamespace(s.namespace)))
	eventuallyReady(ctx, builder.NPSConnection("nps", builder.InNamespace(s.namespace)))
	return s
}

// newBareSite starts appliances, and creates the Secrets and the CA of connections, but no connection.
func newBareSite(ctx context.Context, options simsps.Options) *site {
	return newSiteOf(ctx, options, simnps.Options{})
}

func newSiteOf(ctx context.Context, options simsps.Options, server simnps.Options) *site {
	number := sites.Add(1)
	s := &site{namespace: fmt.Sprintf("site-%d", number)}
	factor := totpSecret(number)
	server.Users = []simnps.User{
		{Login: simnps.DefaultUser, Password: simnps.DefaultPassword, TOTPSecret: factor},
		{Login: simnps.DefaultUserNoMFA, Password: simnps.DefaultPassword},
		{Login: simnps.DefaultAdmin, Password: simnps.DefaultPassword, MFACode: simnps.DefaultMFACode, Admin: true},
	}
	options.Users = map[string]string{"operator": canarySPSPassword}
	if options.Version == "" {
		options.Version = spsVersion
	}
	s.sps = simsps.New(options)
	s.nps = simnps.New(server)
	// They outlive the spec, whose context ends with it: what is in flight then has to come to its end.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	running, err := simulator.Serve(serving, simulator.Config{Listeners: []simulator.Listener{
		{Name: "sps", Handler: s.sps.Handler(), Control: s.sps.ControlHandler()},
		{Name: "nps", Handler: s.nps.Handler(), Control: s.nps.ControlHandler()},
	}})
	Expect(err).NotTo(HaveOccurred())
	s.running, s.ca = running, string(running.CA().CertificatePEM())
	in := builder.InNamespace(s.namespace)
	s.create(ctx, builder.Namespace(s.namespace),
		builder.SPSCredentialsSecret("operator", canarySPSPassword, in),
		builder.Secret("nps-credentials", map[string]string{
			"username": simnps.DefaultUser, "password": simnps.DefaultPassword, "totpSecret": factor,
		}, in),
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"}, Data: map[string]string{"ca.crt": s.ca},
		})
	DeferCleanup(func(ctx context.Context) {
		if CurrentSpecReport().Failed() {
			GinkgoWriter.Print(s.story())
		}
		s.check(ctx)
		s.dropPolicies(ctx)
		for _, kind := range []client.Object{&pamv1alpha1.SPSConnection{}, &pamv1alpha1.NPSConnection{}} {
			Expect(k8s.DeleteAllOf(ctx, kind, client.InNamespace(s.namespace))).To(Succeed())
		}
	})
	return s
}

// totpSecret is the second factor of a site's server. A code is sent once to a server, which is known by its address,
// and that may be an earlier site's: sites with one secret would wait up to half a minute for the next code.
func totpSecret(site uint64) string {
	return canaryTOTPSecret + base32.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, site)[3:])
}

// dropPolicies takes the policy objects away, whatever becomes of the appliance: it is about to go, and the address of
// a connection that waits for them may be that of a later site's appliance.
func (s *site) dropPolicies(ctx context.Context) {
	GinkgoHelper()
	unheld := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`))
	sps, _ := kinds.Named(kinds.SPSConnection)
	for _, kind := range append(kinds.Policies(), sps) {
		list := kind.NewList()
		Expect(k8s.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
		Expect(meta.EachListItem(list, func(o runtime.Object) error {
			obj, ok := o.(client.Object)
			Expect(ok).To(BeTrue())
			return errors.Join(client.IgnoreNotFound(k8s.Delete(ctx, obj)), client.IgnoreNotFound(k8s.Patch(ctx, obj, unheld)))
		})).To(Succeed())
	}
}

func (s *site) spsConnection(name string, options ...builder.Option) *pamv1alpha1.SPSConnection {
	fast := builder.With(func(c *pamv1alpha1.SPSConnection) {
		c.Spec.Commit = &pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: 20 * time.Millisecond}}
		c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Second}
	})
	all := append([]builder.Option{
		builder.InNamespace(s.namespace), builder.URL(s.running.URL("sps")), builder.TrustedCA("ca"), fast,
	}, options...)
	return builder.SPSConnection(name, all...)
}

func (s *site) npsConnection(options ...builder.Option) *pamv1alpha1.NPSConnection {
	fast := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.Polling = &pamv1alpha1.NPSPolling{
			Starting: &metav1.Duration{Duration: 50 * time.Millisecond},
			Active:   &metav1.Duration{Duration: 200 * time.Millisecond},
		}
		c.Spec.Limits = &pamv1alpha1.NPSLimits{RequestsPerSecond: new(int32(1000))}
	})
	all := append([]builder.Option{
		builder.InNamespace(s.namespace), builder.URL(s.running.URL("nps")), builder.TrustedCA("ca"),
		builder.UserSignIn(), fast,
	}, options...)
	return builder.NPSConnection("nps", all...)
}

// create creates objects.
func (s *site) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(k8s.Create(ctx, o)).To(Succeed())
	}
}

// in puts an object into the site and gives it the site's connection.
func (s *site) in(connectionName string) []builder.Option {
	return []builder.Option{builder.InNamespace(s.namespace), builder.Connection(connectionName, "")}
}

// check looks at what must be true whatever a test did.
func (s *site) check(ctx context.Context) {
	GinkgoHelper()
	for _, kind := range kinds.All() {
		list := kind.NewList()
		Expect(k8s.List(ctx, list, client.InNamespace(s.namespace))).To(Succeed())
		text, err := json.Marshal(list)
		Expect(err).NotTo(HaveOccurred())
		expectNoSecret(string(text))
		Expect(meta.EachListItem(list, checkConditions)).To(Succeed())
	}
	s.checkSessions(ctx)
	events := &corev1.EventList{}
	Expect(k8s.List(ctx, events, client.InNamespace(s.namespace))).To(Succeed())
	Expect(checkEvents(events.Items)).To(Succeed())
	text, err := json.Marshal(events)
	Expect(err).NotTo(HaveOccurred())
	expectNoSecret(string(text))
	expectNoSecret(logs.String())
	// One may be in flight, for an object that is looked at once more.
	Eventually(func() int { return s.sps.Stats().OpenTransactions }).Should(BeZero(), func() string {
		return "a transaction was left open\n" + s.story()
	})
}

// story is what the appliance was asked for, and what was logged about the site.
func (s *site) story() string {
	var out strings.Builder
	for _, c := range s.sps.Faults().Calls() {
		fmt.Fprintln(&out, c.Time.Format("05.000"), c.Method, c.Path, c.Status)
	}
	for line := range strings.Lines(logs.String()) {
		if strings.Contains(line, `"`+s.namespace+`"`) || strings.Contains(line, s.namespace+"/") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func expectNoSecret(text string) {
	GinkgoHelper()
	for _, secret := range []string{
		canarySPSPassword, canaryUserPassword, canaryWrongPassword, simnps.DefaultPassword, canaryTOTPSecret,
		simnps.DefaultAPIKey, "released backup password", "ssh://", "full address:s:",
	} {
		Expect(strings.Contains(text, secret)).To(BeFalse(), "a secret is shown: %s", secret)
	}
}

// conditions are an object's conditions.
func conditions(o client.Object) []metav1.Condition {
	status, ok := o.(interface {
		GetStatus() pamv1alpha1.ObjectStatus
	})
	if !ok {
		return nil
	}
	return *status.GetStatus().ObjectConditions()
}

// ready is the reason of Ready behind its status, such as "True Synced".
func ready(ctx context.Context, o client.Object) func() string {
	return func() string {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err.Error()
		}
		c := meta.FindStatusCondition(conditions(o), pamv1alpha1.ConditionReady)
		if c == nil || c.ObservedGeneration != o.GetGeneration() {
			return "not yet observed"
		}
		return string(c.Status) + " " + c.Reason
	}
}

// message is what Ready says.
func message(ctx context.Context, o client.Object) string {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	c := meta.FindStatusCondition(conditions(o), pamv1alpha1.ConditionReady)
	Expect(c).NotTo(BeNil())
	return c.Message
}

func eventuallyReady(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Eventually(ready(ctx, o)).Should(HavePrefix("True "), func() string { return describe(o) })
}

func eventuallyReason(ctx context.Context, o client.Object, reason string) {
	GinkgoHelper()
	Eventually(ready(ctx, o)).Should(Equal("False "+reason), func() string { return describe(o) })
}

func eventuallyGone(ctx context.Context, o client.Object) {
	GinkgoHelper()
	Eventually(func() bool {
		return apierrors.IsNotFound(k8s.Get(ctx, client.ObjectKeyFromObject(o), o))
	}).Should(BeTrue(), func() string { return describe(o) })
}

func describe(o client.Object) string {
	text, err := json.MarshalIndent(conditions(o), "", "  ")
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s: %s\n%s", client.ObjectKeyFromObject(o), text, logs.About(""))
}

// change gets an object, changes it, and writes it, as often as it takes.
func change[T client.Object](ctx context.Context, o T, how func(T)) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		how(o)
		return k8s.Update(ctx, o)
	}).Should(Succeed())
}
