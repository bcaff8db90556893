// SPDX-License-Identifier: Apache-2.0

//go:build cluster

// Package cluster is what needs nodes: the operator as it is installed, simulated appliances beside it, and Jobs that
// use sessions, all in pods, in namespaces that admit restricted pods only. "make test-cluster" runs it on the cluster
// of KUBECONFIG with the image IMG, in which are manager, pam-simulator and consumer (see the target test of the
// Dockerfile). It installs and removes the operator, so it refuses a cluster that has one.
package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/process"
)

const (
	// within is how long a state is waited for: a lease, a commit, and a kubelet that has tried some times.
	within       = 2 * time.Minute
	pollInterval = 20 * time.Millisecond // some of what is waited for is measured
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
	user    string // whom the API server takes the user of KUBECONFIG for

	manifest  string // what was installed; empty if nothing was
	simulator simulator
	forward   *process.Process

	mu   sync.Mutex
	logs map[string]string // of managers that are gone, by pod
}

// shared installs everything when the first scenario asks for it.
var shared = sync.OnceValues(func() (*cluster, error) {
	c, err := connect()
	if err != nil {
		return nil, err
	}
	started = c
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	return c, errors.Join(c.install(ctx), c.startSimulator(ctx))
})

// started is the cluster, ready or not, nil if no scenario got as far.
var started *cluster

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) // the scenarios say what there is to say
	code := m.Run()
	if err := started.remove(code != 0); err != nil {
		fmt.Fprintln(os.Stderr, "remove what was installed:", err)
		code = 1
	}
	os.Exit(code)
}

// theCluster is the cluster for one scenario. What the managers were refused meanwhile fails the scenario.
func theCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.expectNoRefusal(t) })
	return c
}

func connect() (*cluster, error) {
	for _, name := range []string{"KUBECONFIG", "IMG", "KUBEBUILDER_ASSETS"} {
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
	if c.config, err = clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")); err != nil {
		return nil, err
	}
	c.config.QPS = -1
	if c.client, err = client.New(c.config, client.Options{Scheme: c.scheme}); err != nil {
		return nil, err
	}
	if c.dir, err = os.MkdirTemp("", "test-cluster-"); err != nil {
		return nil, err
	}
	review := &authenticationv1.SelfSubjectReview{}
	err = c.client.Create(context.Background(), review)
	c.user = review.Status.UserInfo.Username
	return c, err
}

// run runs kubectl with this standard input, and returns what it prints.
func (c *cluster) run(ctx context.Context, stdin string, arguments ...string) (string, error) {
	cmd := exec.CommandContext(ctx, c.kubectl, arguments...)
	cmd.Stdin = strings.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("kubectl %s: %w: %s", strings.Join(arguments, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return string(out), nil
}

// apply applies objects as one manifest, server-side.
func (c *cluster) apply(ctx context.Context, objects ...client.Object) error {
	var manifest strings.Builder
	for _, o := range objects {
		document, err := yaml.Marshal(o)
		if err != nil {
			return err
		}
		manifest.WriteString("---\n" + string(document))
	}
	_, err := c.run(ctx, manifest.String(), "apply", "--server-side", "-f", "-")
	return err
}

// get reads an object of the cluster into o, by its namespace and name.
func (c *cluster) get(ctx context.Context, o client.Object) error {
	return c.client.Get(ctx, client.ObjectKeyFromObject(o), o)
}

// scenario is one test with its clock.
type scenario struct {
	*testing.T
	*cluster
	began time.Time
}

func newScenario(t *testing.T) *scenario {
	t.Helper()
	c := theCluster(t)
	return &scenario{t, c, time.Now()}
}

// mark starts the clock that step shows.
func (s *scenario) mark() { s.began = time.Now() }

// step says what has been reached, and how long that took since the mark.
func (s *scenario) step(format string, values ...any) time.Duration {
	s.Helper()
	took := time.Since(s.began)
	s.Logf("%6.2f s  %s", took.Seconds(), fmt.Sprintf(format, values...))
	return took
}

// eventually waits until check is content, and fails the scenario if that takes too long.
func (s *scenario) eventually(check func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(check).WithContext(s.Context()).WithTimeout(within).WithPolling(pollInterval).
		Should(Succeed())
}

// must ends the scenario with an error that is none of its states.
func (s *scenario) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}
