// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/manager"
)

// patience is how long a state is waited for; it is reached much sooner, or never.
const patience = time.Minute

var (
	k8s   client.Client
	plane *controlplane.ControlPlane
	logs  manager.Log
)

func TestPlugin(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Plugin")
}

var _ = BeforeSuite(func() {
	logs.Capture()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join("..", "..", "config", "crd", "bases")},
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		Expect(plane.Stop()).To(Succeed())
	})
	for _, add := range []func(*runtime.Scheme) error{pamv1alpha1.AddToScheme, apiextensionsv1.AddToScheme} {
		Expect(add(scheme.Scheme)).To(Succeed())
	}
	k8s, err = client.New(plane.Config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	mgr := manager.New(plane.Config, func(*ctrl.Options) {})
	manager.Start(ctx, mgr, loop.Options{
		DeletionDeadline: 3 * time.Second, Concurrency: 50, LockedRetry: 200 * time.Millisecond,
		SecondLook: 300 * time.Millisecond, RecoveryWindow: time.Second, TerminationPatience: 2 * time.Second,
	})
})

// run is a run of the plugin.
type run struct {
	Code     int
	Out, Err string
	// Both is what a terminal shows, with "2> " before lines of the standard error.
	Both string
}

// String shows a failed expectation what was printed.
func (r run) String() string { return fmt.Sprintf("exit code %d\n%s%s", r.Code, r.Out, r.Err) }

// terminal is what the plugin runs in.
type terminal struct {
	env   map[string]string
	in    string
	asked bool
	// now is the clock; nil for that of the machine.
	now func() time.Time
}

// pam runs the plugin as an administrator in a UTF-8 locale.
func pam(ctx context.Context, args ...string) run { return terminal{}.pam(ctx, args...) }

func (t terminal) pam(ctx context.Context, args ...string) run {
	var out, errOut, both bytes.Buffer
	streams := genericiooptions.IOStreams{
		In: strings.NewReader(t.in), Out: io.MultiWriter(&out, &both), ErrOut: io.MultiWriter(&errOut, marked{&both}),
	}
	f := frame.New(streams, "v1.2.3")
	if t.now != nil {
		f.Now = t.now
	}
	f.Getenv = func(name string) string {
		if value, set := t.env[name]; set || name != "LANG" {
			return value
		}
		return "en_GB.UTF-8"
	}
	f.CanAsk = func() bool { return t.asked }
	code := cli.Run(ctx, f, append([]string{"--kubeconfig", plane.KubeconfigFile}, args...))
	return run{code, out.String(), errOut.String(), both.String()}
}

// marked marks what is written to the standard error.
type marked struct{ out io.Writer }

func (m marked) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		if _, err := io.WriteString(m.out, "2> "+line); err != nil {
			return 0, err
		}
	}
	return len(text), nil
}

// changing are the parts of an output that differ from run to run.
var changing = []struct {
	part *regexp.Regexp
	is   string
}{
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?`), "TIME"},
	{regexp.MustCompile(`\b\d\d:\d\d(:\d\d)?\b`), "CLOCK"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "ID"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDRESS"},
	{regexp.MustCompile(`\bsite-\d+\b`), "SITE"},
	{regexp.MustCompile(`(^|[^-\w])\d+(\.\d+)?(ms|s|m|h|d)\b`), "${1}AGE"}, // a name may end in -6528d
	{regexp.MustCompile(` +\n`), "\n"},
}

// steady is an output without what differs from run to run.
func steady(text string) string {
	for _, c := range changing {
		text = c.part.ReplaceAllString(text, c.is)
	}
	return text
}

// change changes an object in the cluster, whatever the manager writes to it meanwhile.
func change(ctx context.Context, o client.Object, by func()) {
	GinkgoHelper()
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	before, _ := o.DeepCopyObject().(client.Object)
	by()
	Expect(k8s.Patch(ctx, o, client.MergeFrom(before))).To(Succeed())
}

// site is a namespace with its own simulated appliances and ready connections named sps and nps.
type site struct {
	namespace string
	sps       *simsps.Appliance
	nps       *simnps.Server
	running   *simulator.Running
	// stop stops the appliances.
	stop context.CancelFunc
}

var sites atomic.Int64

const spsPassword = "canary-sps-password"

func newSite(ctx context.Context) *site { return newSiteIn(ctx, fmt.Sprintf("site-%d", sites.Add(1))) }

func newSiteIn(ctx context.Context, namespace string) *site {
	s := &site{
		namespace: namespace,
		sps:       simsps.New(simsps.Options{Version: "8.0", Users: map[string]string{"operator": spsPassword}}),
		nps:       simnps.New(simnps.Options{}),
	}
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	DeferCleanup(stop)
	s.stop = stop
	var err error
	s.running, err = simulator.Serve(serving, simulator.Config{Listeners: []simulator.Listener{
		{Name: "sps", Handler: s.sps.Handler(), Control: s.sps.ControlHandler()},
		{Name: "nps", Handler: s.nps.Handler(), Control: s.nps.ControlHandler()},
	}})
	Expect(err).NotTo(HaveOccurred())
	in := builder.InNamespace(s.namespace)
	s.create(ctx, builder.Namespace(s.namespace),
		builder.SPSCredentialsSecret("operator", spsPassword, in),
		builder.Secret("nps-credentials", map[string]string{
			"username": simnps.DefaultUserNoMFA, "password": simnps.DefaultPassword,
		}, in),
		&corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "ca"},
			Data:       map[string]string{"ca.crt": string(s.running.CA().CertificatePEM())},
		},
		builder.SPSConnection("sps", in, builder.URL(s.running.URL("sps")), builder.TrustedCA("ca"),
			builder.With(func(c *pamv1alpha1.SPSConnection) {
				c.Spec.Commit = &pamv1alpha1.CommitSettings{Window: &metav1.Duration{Duration: 20 * time.Millisecond}}
				c.Spec.DriftCheckInterval = &metav1.Duration{Duration: time.Second}
			})),
		builder.NPSConnection("nps", in, builder.URL(s.running.URL("nps")), builder.TrustedCA("ca"), builder.UserSignIn(),
			builder.With(func(c *pamv1alpha1.NPSConnection) {
				c.Spec.Auth.User = &pamv1alpha1.NPSUser{
					CredentialsSecretRef: pamv1alpha1.SecretReference{Name: "nps-credentials"},
				}
				c.Spec.Polling = &pamv1alpha1.NPSPolling{
					Starting: &metav1.Duration{Duration: 50 * time.Millisecond},
					Active:   &metav1.Duration{Duration: 200 * time.Millisecond},
				}
			})))
	s.ready(ctx, "spsc/sps", "npsc/nps")
	return s
}

func (s *site) create(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(k8s.Create(ctx, o)).To(Succeed())
	}
}

// ready waits with the plugin itself.
func (s *site) ready(ctx context.Context, refs ...string) {
	GinkgoHelper()
	r := s.pam(ctx, append([]string{"status", "--wait", "--timeout", patience.String()}, refs...)...)
	Expect(r.Code).To(BeZero(), func() string { return r.String() + logs.About(s.namespace) })
}

// pam runs the plugin in the site's namespace.
func (s *site) pam(ctx context.Context, args ...string) run {
	return pam(ctx, append([]string{"--namespace", s.namespace}, args...)...)
}

// policy makes a policy of the site, which differs from all others.
func (s *site) policy(name string, options ...builder.Option) *pamv1alpha1.RDPConnectionPolicy {
	all := append([]builder.Option{builder.InNamespace(s.namespace), builder.Connection("sps", "")}, options...)
	return builder.RDPConnectionPolicy(name, all...)
}

// byHand puts a policy onto the appliance as an administrator would.
func (s *site) byHand(name, wire string) {
	GinkgoHelper()
	body, err := builder.RDPBody(name, wire)
	Expect(err).NotTo(HaveOccurred())
	s.sps.Put("rdp/connections", "", body)
}
