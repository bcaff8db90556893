// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/controlplane"
)

// assetsVariable names the folder of etcd, kube-apiserver, kube-controller-manager and kubectl.
const assetsVariable = "KUBEBUILDER_ASSETS"

// startControlPlane starts a control plane with our kinds. While it starts, the end of ctx ends it; afterwards close
// does, once nothing needs it any more.
func (d *demo) startControlPlane(ctx context.Context) error {
	if err := d.findAssets(); err != nil {
		return err
	}
	life, cancel := context.WithCancel(context.WithoutCancel(ctx))
	release := context.AfterFunc(ctx, cancel)
	defer release()
	plane, err := controlplane.Start(life, controlplane.Options{
		CRDDirs: []string{filepath.Join(d.Root, "config", "crd", "bases")}, Dir: d.path("controlplane"),
		Out: d.screen, ControllerManager: true,
	})
	if err != nil {
		cancel()
		return err
	}
	d.plane = plane
	d.client, err = client.New(plane.Config, client.Options{Scheme: scheme})
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	d.screen.detail("ready at %s", strings.TrimSuffix(plane.Config.Host, "/"))
	return nil
}

// findAssets sets the folder of the control plane's binaries below Bin, unless the user has set another one.
func (d *demo) findAssets() error {
	if os.Getenv(assetsVariable) != "" {
		return nil
	}
	path, err := filepath.Abs(filepath.Join(d.Bin, "k8s"))
	if err != nil {
		return err
	}
	return os.Setenv(assetsVariable, path)
}

// kubectl is the path of the kubectl that belongs to the control plane.
func kubectl() string { return filepath.Join(os.Getenv(assetsVariable), "kubectl") }
