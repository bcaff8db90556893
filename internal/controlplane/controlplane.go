// SPDX-License-Identifier: Apache-2.0

// Package controlplane runs a Kubernetes control plane on the loopback interface for tests and the demo: etcd,
// kube-apiserver with RBAC, and the controllers for deletion, ownership and Jobs. There are no nodes, so no container
// ever runs. "make controlplane" builds the binaries.
//
// Nothing is left behind, however the owner ends: a watchdog process learns of the owner's death through a pipe, kills
// every process of the control plane and removes the temporary folder.
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

// startTimeout bounds the start of each component. Alone, one takes about two seconds; under the race detector, with
// tests of several packages on two cores, far longer.
const startTimeout = 2 * time.Minute

// Admin is the user in ControlPlane.Config.
const Admin = "admin"

// Options define what to start.
type Options struct {
	// CRDDirs are folders or files of CustomResourceDefinitions to install. A missing one is an error.
	CRDDirs []string
	// Dir holds data, logs and kubeconfig; it must be absent or empty, and is kept at the end. Empty means a temporary
	// folder that is removed at the end.
	Dir string
	// Out receives one line for each step of the start; nil discards them.
	Out io.Writer
	// ControllerManager also starts kube-controller-manager. Without it, namespaces are never finalized, garbage is not
	// collected, and Jobs get no Pods.
	ControllerManager bool
	// AuditPolicy is an audit policy in YAML; if set, kube-apiserver writes AuditLog. Empty means no audit.
	AuditPolicy string
	// APIServer are further flags of kube-apiserver, without the leading dashes, and their values.
	APIServer map[string]string
}

// ControlPlane is a running control plane.
type ControlPlane struct {
	// Config is for a member of system:masters, without client-side rate limits.
	Config *rest.Config
	// KubeconfigFile is a kubeconfig for the same user.
	KubeconfigFile string
	// AuditLog is the file of audit events, one JSON document per line; empty without Options.AuditPolicy.
	AuditLog string

	opts    Options
	dir     string
	plane   *envtest.ControlPlane
	users   sync.Mutex // envtest's certificate authority increments its serial number without a lock
	manager *controllerManager
	stop    func() error
}

// Start starts a control plane and returns when it is ready. It runs until Stop is called, ctx ends, or this process
// dies.
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

// Stop kills the processes and waits until they are gone, and the folder too if it is temporary. It is not graceful:
// the data is no longer needed, and kube-apiserver would wait for its watchers. It may be called more than once. It
// returns an error if anything is left, or if the controller manager had died before.
func (cp *ControlPlane) Stop() error {
	return cp.stop()
}

// Err returns an error with the end of the controller manager's log if that has died; nil otherwise.
func (cp *ControlPlane) Err() error {
	return cp.manager.failure()
}

// Kubectl returns the path of the control plane's kubectl, which exists while the control plane runs.
func (cp *ControlPlane) Kubectl() string { return filepath.Join(cp.dir, "assets", "kubectl") }

// AddUser creates a client certificate for a user with no rights except those that RBAC grants to the name and the
// groups. It returns a client configuration and a kubeconfig.
func (cp *ControlPlane) AddUser(name string, groups ...string) (*rest.Config, []byte, error) {
	cp.users.Lock()
	defer cp.users.Unlock()
	// client-go takes a negative QPS as "no limit": tests measure the product, not client-side throttling.
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

// start runs the steps in order. The resource definitions come before the controller manager, because its garbage
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
			// If ctx has ended, it killed the processes, and err is only a symptom.
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
