// SPDX-License-Identifier: Apache-2.0

//go:build cluster

// Package cluster tests what needs nodes: the chart, installed as its documents say, simulated appliances beside it,
// and Jobs that use sessions, all in pods, in namespaces that admit only restricted pods. "make test-cluster" runs it
// on the cluster of KUBECONFIG with the image IMG, which contains manager, pam-simulator and consumer (see the target
// test of hack/image/build.sh). It installs and removes the operator again and again, so it refuses a cluster that has
// one.
package cluster

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/process"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// within is how long to wait for a state: a lease, a commit, and a kubelet that has retried a few times.
	within       = 2 * time.Minute
	pollInterval = 20 * time.Millisecond // some waits are measured
	root         = "../.."
)

// cluster is the cluster of KUBECONFIG with the operator and the simulated appliances in it.
type cluster struct {
	client  client.Client
	config  *rest.Config
	scheme  *runtime.Scheme
	kubectl string
	image   string
	dir     string
	user    string   // the user of KUBECONFIG, according to the API server
	reader  []string // the environment of somebody who follows a page

	touched   bool // something of the operator may be in the cluster
	installed bool // the release and the appliances are
	simulator simulator
	forward   *process.Process

	mu   sync.Mutex
	logs map[string]string // of managers that no longer exist, by pod
}

// shared connects to the cluster when the first scenario needs it.
var shared = sync.OnceValues(func() (*cluster, error) {
	c, err := connect()
	if err != nil {
		return nil, err
	}
	started = c
	return c, c.refuseUnlessFree(context.Background())
})

// started is the cluster, ready or not; nil if no scenario got that far.
var started *cluster

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) // the scenarios report errors
	interrupted := make(chan os.Signal, 1)
	signal.Notify(interrupted, os.Interrupt, syscall.SIGTERM)
	ended := make(chan int)
	go func() { ended <- m.Run() }()
	var code int
	select {
	case code = <-ended:
	case <-interrupted:
		fmt.Fprintln(os.Stderr, "interrupted: removing what was installed")
		code = 1
	}
	if err := started.remove(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, "remove what was installed:", err)
		code = 1
	}
	os.Exit(code)
}

func connect() (*cluster, error) {
	for _, name := range []string{"KUBECONFIG", "IMG", "KUBEBUILDER_ASSETS", "HELM"} {
		if os.Getenv(name) == "" {
			return nil, fmt.Errorf("%s is not set: see \"make test-cluster\"", name)
		}
	}
	c := &cluster{
		image: os.Getenv("IMG"), kubectl: filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kubectl"),
		scheme: runtime.NewScheme(), logs: map[string]string{},
	}
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(c.scheme); err != nil {
			return nil, err
		}
	}
	var err error
	kubeconfig := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		clientcmd.NewDefaultClientConfigLoadingRules(), nil)
	if c.config, err = kubeconfig.ClientConfig(); err != nil {
		return nil, err
	}
	c.config.QPS = -1
	if c.client, err = client.New(c.config, client.Options{Scheme: c.scheme}); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "test-cluster-"); err != nil {
		return nil, err
	}
	if err := c.prepareReader(os.Getenv("HELM")); err != nil {
		return nil, err
	}
	review := &authenticationv1.SelfSubjectReview{}
	err = c.client.Create(context.Background(), review)
	c.user = review.Status.UserInfo.Username
	return c, err
}

// run runs kubectl with the given standard input, and returns its output.
func (c *cluster) run(ctx context.Context, stdin string, arguments ...string) (string, error) {
	return installation.Kubectl(ctx, c.kubectl, stdin, arguments...)
}

// apply applies objects as one manifest, server-side.
func (c *cluster) apply(ctx context.Context, objects ...client.Object) error {
	manifest, err := builder.Manifest(objects...)
	if err != nil {
		return err
	}
	_, err = c.run(ctx, manifest, "apply", "--server-side", "-f", "-")
	return err
}

// get reads an object from the cluster into o, by its namespace and name.
func (c *cluster) get(ctx context.Context, o client.Object) error {
	return c.client.Get(ctx, client.ObjectKeyFromObject(o), o)
}

// scenario is one test with its clock.
type scenario struct {
	*testing.T
	*cluster
	began time.Time
}

// newScenario is for a cluster with the operator and the appliances in it. The scenario fails if the managers were
// denied anything meanwhile.
func newScenario(t *testing.T) *scenario {
	t.Helper()
	s := theCluster(t)
	if err := s.ensureInstalled(t.Context(), t.Logf); err != nil {
		s.giveUp()
		t.Fatal(err)
	}
	t.Cleanup(func() { s.expectNoRefusal(t) })
	s.mark()
	return s
}

// newEmptyScenario is for a cluster without them. It leaves such a cluster behind, too.
func newEmptyScenario(t *testing.T) *scenario {
	t.Helper()
	s := theCluster(t)
	s.must(s.ensureRemoved(t.Context()))
	t.Cleanup(func() {
		if t.Failed() {
			s.giveUp()
		} else if err := s.ensureRemoved(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	s.mark()
	return s
}

// giveUp removes whatever a failure left behind, because the next scenario needs a known state.
func (s *scenario) giveUp() {
	s.Helper()
	ctx := context.WithoutCancel(s.Context())
	s.explain(ctx)
	if err := s.clear(ctx); err != nil {
		s.Error(err)
	}
}

func theCluster(t *testing.T) *scenario {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return &scenario{T: t, cluster: c}
}

// mark starts the clock that step shows.
func (s *scenario) mark() { s.began = time.Now() }

// step logs what has been reached, and how long it took since the mark.
func (s *scenario) step(format string, values ...any) time.Duration {
	s.Helper()
	took := time.Since(s.began)
	s.Logf("%6.2f s  %s", took.Seconds(), fmt.Sprintf(format, values...))
	return took
}

// eventually waits until check succeeds, and fails the scenario on timeout.
func (s *scenario) eventually(check func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(check).WithContext(s.Context()).WithTimeout(within).WithPolling(pollInterval).
		Should(Succeed())
}

// must fails the scenario on an error that none of its states explains.
func (s *scenario) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
