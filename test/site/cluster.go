// SPDX-License-Identifier: Apache-2.0

// Package site provides what a site with an installation has, to tests of the built manager: a cluster with exactly the
// objects that are installed, an appliance, a server, and connections to both.
package site

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// Within is how long to wait for a state. The longest wait in the product itself is the one for a lock, 15 s.
	Within = 90 * time.Second
	// PollInterval is how often to look.
	PollInterval = 100 * time.Millisecond
)

// Cluster is a control plane of one test. It has nothing of ours until something is installed.
type Cluster struct {
	client.Client // of an administrator

	Plane *controlplane.ControlPlane
	dir   string
}

// silence gives the libraries a logger, without which they complain at length. It is one for all tests of a process,
// because they run in parallel and setting it is not safe for that.
var silence = sync.OnceFunc(func() { ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) })

// NewCluster starts a control plane that ends with the test.
func NewCluster(t *testing.T, options controlplane.Options) *Cluster {
	t.Helper()
	silence()
	plane, err := controlplane.Start(context.WithoutCancel(t.Context()), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), pamv1alpha1.AddToScheme(scheme)); err != nil {
		t.Fatal(err)
	}
	administrator, err := client.New(plane.Config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return &Cluster{Client: administrator, Plane: plane, dir: t.TempDir()}
}

// TryKubectl runs kubectl as an administrator, with this standard input, and returns its output.
func (c *Cluster) TryKubectl(ctx context.Context, stdin string, arguments ...string) (string, error) {
	// kubectl's cache about a server must not come from an earlier one at the same port.
	all := append([]string{"--kubeconfig=" + c.Plane.KubeconfigFile, "--cache-dir=" + c.dir}, arguments...)
	return installation.Kubectl(ctx, c.Plane.Kubectl(), stdin, all...)
}

// Kubectl requires that it succeeds.
func (c *Cluster) Kubectl(t *testing.T, stdin string, arguments ...string) string {
	t.Helper()
	out, err := c.TryKubectl(t.Context(), stdin, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Apply applies objects as one manifest, server-side.
func (c *Cluster) Apply(t *testing.T, objects ...client.Object) {
	t.Helper()
	manifest, err := builder.Manifest(objects...)
	if err != nil {
		t.Fatal(err)
	}
	c.Kubectl(t, manifest, "apply", "--server-side", "--force-conflicts", "-f", "-")
}

// Install applies what is installed, and the namespaces that it presumes, and waits until its kinds are served. It may
// be repeated, which upgrades.
func (c *Cluster) Install(t *testing.T, installed installation.Installation) {
	t.Helper()
	for _, name := range installed.NamespacesOfOthers() {
		c.Apply(t, builder.Namespace(name))
	}
	definitions := make([]string, 0, len(installed.Definitions))
	for _, o := range installed.Definitions {
		definitions = append(definitions, "crd/"+o.GetName())
	}
	if len(definitions) > 0 {
		c.Apply(t, objects(installed.Definitions)...)
		c.Kubectl(t, "", append([]string{"wait", "--for=condition=Established", "--timeout=60s"}, definitions...)...)
	}
	c.Apply(t, objects(installed.Objects)...)
}

func objects(from []*unstructured.Unstructured) []client.Object {
	out := make([]client.Object, 0, len(from))
	for _, o := range from {
		out = append(out, o)
	}
	return out
}

// Identity returns the client configuration of an installed manager, and a kubeconfig file for it.
func (c *Cluster) Identity(t *testing.T, installed installation.Installation) (*rest.Config, string) {
	t.Helper()
	user, groups := installed.User()
	config, kubeconfig, err := c.Plane.AddUser(user, groups...)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		t.Fatal(err)
	}
	return config, file
}

// Eventually waits until a check passes.
func (c *Cluster) Eventually(t *testing.T, check func(g gomega.Gomega)) {
	t.Helper()
	gomega.NewWithT(t).Eventually(check).WithTimeout(Within).WithPolling(PollInterval).Should(gomega.Succeed())
}

// Reach waits until each object has this status of Ready and this reason, such as "True Synced".
func (c *Cluster) Reach(t *testing.T, want string, objects ...client.Object) {
	t.Helper()
	c.Eventually(t, func(g gomega.Gomega) {
		for _, o := range objects {
			g.Expect(c.Get(t.Context(), client.ObjectKeyFromObject(o), o)).To(gomega.Succeed())
			g.Expect(Ready(o)).To(gomega.Equal(want), "%T %s: %+v", o, o.GetName(), condition(o))
		}
	})
}

// Gone waits until no object is there any more.
func (c *Cluster) Gone(t *testing.T, objects ...client.Object) {
	t.Helper()
	c.Eventually(t, func(g gomega.Gomega) {
		for _, o := range objects {
			err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o)
			g.Expect(client.IgnoreNotFound(err)).NotTo(gomega.HaveOccurred())
			g.Expect(err).To(gomega.HaveOccurred(), "%T %s is still there: %+v", o, o.GetName(), condition(o))
		}
	})
}

// Remove deletes objects and waits until they are gone.
func (c *Cluster) Remove(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := client.IgnoreNotFound(c.Delete(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
	}
	c.Gone(t, objects...)
}

// Change changes the current state of an object.
func Change[T client.Object](t *testing.T, c *Cluster, o T, change func(T)) {
	t.Helper()
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatal(err)
	}
	before, _ := o.DeepCopyObject().(client.Object)
	change(o)
	if err := c.Patch(t.Context(), o, client.MergeFrom(before)); err != nil {
		t.Fatal(err)
	}
}

// Binary is the path of a command of this repository, which "make build" makes.
func Binary(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/%s is missing: run \"make build\", as \"make test\" does", name)
	}
	return path
}

// Configs are folders below config.
func Configs(names ...string) []string {
	out := slices.Clone(names)
	for i, name := range names {
		out[i] = filepath.Join("..", "..", "config", name)
	}
	return out
}
