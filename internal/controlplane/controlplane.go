// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a Kubernetes control plane on the loopback interface for tests and the demo: etcd,
// kube-apiserver with RBAC, and the controllers that deletion, ownership and Jobs need. There is no node, so no
// container ever runs. The binaries are those that "make controlplane" builds.
//
// Nothing is left behind, however the owner ends: a watchdog process, which learns of the owner's death through a pipe,
// kills every process that was started and removes the temporary folder.
package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// startTimeout bounds the start of each component. One takes about two seconds alone; tests of several packages that
// run under the race detector on two cores need far more.
const startTimeout = 2 * time.Minute

// Admin is the user of ControlPlane.Config.
const Admin = "admin"

// Options say what to start.
type Options struct {
	// CRDDirs are folders or files of CustomResourceDefinitions to install. A missing one is an error.
	CRDDirs []string
	// Dir keeps data, logs and kubeconfig; it must be absent or empty and is left as it is at the end.
	// Empty means a temporary folder that is removed at the end.
	Dir string
	// Out receives one line for each step of the start; nil discards them.
	Out io.Writer
	// ControllerManager starts kube-controller-manager too. Without it nothing ever finishes the deletion of a
	// namespace, collects garbage, or creates the Pods of a Job.
	ControllerManager bool
	// AuditPolicy is an audit policy in YAML; kube-apiserver then writes AuditLog. Empty means no audit.
	AuditPolicy string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config is of a member of system:masters, without a limit on the client's side.
	Config *rest.Config
	// KubeconfigFile is a kubeconfig of the same user.
	KubeconfigFile string
	// AuditLog is the file of audit events, one JSON document a line; empty without Options.AuditPolicy.
	AuditLog string

	opts    Options
	dir     string
	plane   *envtest.ControlPlane
	users   sync.Mutex // the certificate authority of envtest counts its serial numbers without a lock
	manager *controllerManager
	stop    func() error
}

// Start starts a control plane and returns when it is ready to be used. It runs until Stop is called, ctx ends, or this
// process does.
func Start(ctx context.Context, opts Options) (*ControlPlane, error) {
	for _, path := range opts.CRDDirs {
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("looking for resource definitions: %w", err)
		}
	}
	assets, err := findAssets()
	if err != nil {
		return nil, err
	}
	dir, err := newRunDir(opts.Dir, assets)
	if err != nil {
		return nil, err
	}
	guard, err := startWatchdog(ctx, dir, opts.Dir == "")
	if err != nil {
		return nil, err
	}

	cp := &ControlPlane{
		KubeconfigFile: filepath.Join(dir, "admin.kubeconfig"),
		opts:           opts,
		dir:            dir,
		manager:        &controllerManager{dir: dir, died: make(chan struct{})},
	}
	cp.stop = sync.OnceValue(func() error {
		cp.manager.stopping.Store(true)
		return errors.Join(cp.Err(), guard.fire())
	})
	context.AfterFunc(ctx, func() { _ = cp.Stop() })
	if err := cp.start(ctx); err != nil {
		return nil, errors.Join(err, cp.Stop())
	}
	return cp, nil
}

// Stop kills the processes and waits until they and, if it is temporary, the folder are gone. The end is not a graceful
// one, since nobody reads the data again and kube-apiserver would wait for its watchers. Stop may be called more than
// once; its error is not nil when something is left or the controller manager had died before.
func (cp *ControlPlane) Stop() error {
	return cp.stop()
}

// Err says, with the end of its log, that the controller manager died; nil as long as all is well.
func (cp *ControlPlane) Err() error {
	return cp.manager.failure()
}

// Kubectl is the path of the kubectl that belongs to the control plane, as long as that runs.
func (cp *ControlPlane) Kubectl() string { return filepath.Join(cp.dir, "assets", "kubectl") }

// AddUser makes a client certificate for a user, who may do only what RBAC grants to the name and the groups, and
// returns it as a client configuration and as a kubeconfig.
func (cp *ControlPlane) AddUser(name string, groups ...string) (*rest.Config, []byte, error) {
	cp.users.Lock()
	defer cp.users.Unlock()
	// client-go takes a negative QPS as "no limit": tests measure the product, not the throttle of a client.
	user, err := cp.plane.AddUser(envtest.User{Name: name, Groups: groups}, &rest.Config{QPS: -1})
	if err != nil {
		return nil, nil, fmt.Errorf("adding user %q: %w", name, err)
	}
	kubeconfig, err := user.KubeConfig()
	if err != nil {
		return nil, nil, fmt.Errorf("writing the kubeconfig of user %q: %w", name, err)
	}
	return user.Config(), kubeconfig, nil
}

// start runs the steps in their order. The resource definitions come before the controller manager, whose garbage
// collector looks for new kinds only every half minute.
func (cp *ControlPlane) start(ctx context.Context) error {
	steps := []struct {
		name string
		run  func(context.Context) error
	}{
		{"starting etcd and kube-apiserver", cp.startPlane},
		{"installing resource definitions", cp.installCRDs},
		{"starting kube-controller-manager", cp.startManager},
	}
	for _, step := range steps {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("before %s: %w", step.name, err)
		}
		cp.say(step.name)
		if err := step.run(ctx); err != nil {
			// When ctx ended, the processes were killed and err is only what that looked like from here.
			return fmt.Errorf("%s: %w", step.name, errors.Join(context.Cause(ctx), err))
		}
	}
	return nil
}

func (cp *ControlPlane) say(line string) {
	if cp.opts.Out != nil {
		_, _ = fmt.Fprintln(cp.opts.Out, line)
	}
}

func (cp *ControlPlane) installCRDs(context.Context) error {
	if len(cp.opts.CRDDirs) == 0 {
		return nil
	}
	_, err := envtest.InstallCRDs(cp.Config, envtest.CRDInstallOptions{
		Paths:   cp.opts.CRDDirs,
		MaxTime: startTimeout,
	})
	return err
}

func (cp *ControlPlane) startManager(ctx context.Context) error {
	if !cp.opts.ControllerManager {
		return nil
	}
	return cp.manager.start(ctx, cp.Config, cp.KubeconfigFile)
}
