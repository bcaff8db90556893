// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

// cluster is the control plane that all scenarios share, with our kinds and the manager's rights. Each scenario has a
// namespace of its own in it.
type cluster struct {
	client    client.Client // of an administrator
	plane     *controlplane.ControlPlane
	installed installation.Installation
	// managerKubeconfig is the file with the manager's identity, managerConfig the same for a client.
	managerKubeconfig string
	managerConfig     *rest.Config
	dir               string
	namespaces        atomic.Int64
}

// shared starts the cluster when the first scenario needs it.
var shared = sync.OnceValues(func() (*cluster, error) {
	dir, err := os.MkdirTemp("", "e2e-")
	if err != nil {
		return nil, err
	}
	started = &cluster{dir: dir}
	return started, started.start(context.Background())
})

// started is the cluster, ready or not; nil if no scenario needed it.
var started *cluster

func TestMain(m *testing.M) {
	code := m.Run()
	if err := started.close(); err != nil {
		fmt.Fprintln(os.Stderr, "stop the cluster:", err)
		code = 1
	}
	os.Exit(code)
}

// theCluster is the shared cluster.
func theCluster(t *testing.T) *cluster {
	t.Helper()
	c, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *cluster) start(ctx context.Context) error {
	plane, err := controlplane.Start(ctx, controlplane.Options{
		CRDDirs: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ControllerManager: true,
	})
	if err != nil {
		return err
	}
	c.plane = plane
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, pamv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	if c.client, err = client.New(plane.Config, client.Options{Scheme: scheme}); err != nil {
		return err
	}
	return c.installRights(ctx)
}

// installRights applies the manager's rights as an installation does, and creates a kubeconfig with them.
func (c *cluster) installRights(ctx context.Context) error {
	var err error
	dir := filepath.Join("..", "..", "config", "default")
	if c.installed, err = installation.Render(ctx, c.plane.Kubectl(), dir); err != nil {
		return err
	}
	objects := make([]client.Object, 0, len(c.installed.Objects))
	for _, o := range c.installed.Objects {
		objects = append(objects, o)
	}
	manifest, err := builder.Manifest(objects...)
	if err != nil {
		return err
	}
	if _, err := c.runKubectl(ctx, manifest, "apply", "--server-side", "-f", "-"); err != nil {
		return err
	}
	user, groups := c.installed.User()
	config, kubeconfig, err := c.plane.AddUser(user, groups...)
	if err != nil {
		return err
	}
	c.managerConfig = config
	c.managerKubeconfig = filepath.Join(c.dir, "manager.kubeconfig")
	return os.WriteFile(c.managerKubeconfig, kubeconfig, 0o600)
}

// newNamespace is a name that no other scenario uses, nor another run of the same one.
func (c *cluster) newNamespace(scenario string) string {
	return fmt.Sprintf("%s-%d", scenario, c.namespaces.Add(1))
}

func (c *cluster) close() error {
	if c == nil {
		return nil
	}
	var err error
	if c.plane != nil {
		err = c.plane.Stop()
	}
	return errors.Join(err, os.RemoveAll(c.dir))
}

// kubectl runs kubectl as an administrator, with this standard input, and returns its output.
func (c *cluster) kubectl(t *testing.T, stdin string, arguments ...string) string {
	t.Helper()
	out, err := c.runKubectl(t.Context(), stdin, arguments...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (c *cluster) runKubectl(ctx context.Context, stdin string, arguments ...string) (string, error) {
	// kubectl's cache about a server must not come from an earlier one at the same port.
	all := append([]string{"--kubeconfig=" + c.plane.KubeconfigFile, "--cache-dir=" + c.dir}, arguments...)
	return installation.Kubectl(ctx, c.plane.Kubectl(), stdin, all...)
}

// apply applies objects as one manifest, server-side, and returns kubectl's output.
func (c *cluster) apply(t *testing.T, objects ...client.Object) string {
	t.Helper()
	manifest, err := builder.Manifest(objects...)
	if err != nil {
		t.Fatal(err)
	}
	return c.kubectl(t, manifest, "apply", "--server-side", "-f", "-")
}
