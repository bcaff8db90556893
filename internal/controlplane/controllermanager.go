// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// controllers are the ones whose work tests observe: namespace deletion, garbage collection, Jobs, service accounts,
// aggregated roles, and the type check of admission policies. Without nodes there is no scheduling and no kubelet.
var controllers = []string{
	"namespace-controller",
	"garbage-collector-controller",
	"job-controller",
	"ttl-after-finished-controller",
	"serviceaccount-controller",
	"clusterrole-aggregation-controller",
	"validatingadmissionpolicy-status-controller",
}

// controllerManager is the process of kube-controller-manager, if it was requested.
type controllerManager struct {
	dir      string
	stopping atomic.Bool   // its end is expected from now on
	died     chan struct{} // closed if it ended unexpectedly; err is set first
	err      error
}

// start starts the process and waits until it works.
func (m *controllerManager) start(ctx context.Context, config *rest.Config, kubeconfig string) error {
	log, err := createLog(m.dir, controllerManagerName)
	if err != nil {
		return err
	}
	defer log.Close()

	// The watchdog ends it, so that there is only one way to end it.
	//nolint:gosec // G204: a path below our own folder and constant flags.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(m.dir, "bin", controllerManagerName),
		"--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0", // no endpoint of its own: no port to pick, nothing to probe
		"--kube-api-qps=1000",
		"--kube-api-burst=2000",
		"--concurrent-namespace-syncs=50", // hundreds may be deleted at once
	)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the owner, who decides
	if err := cmd.Start(); err != nil {
		return err
	}
	go m.watch(cmd)
	return m.waitUntilActing(ctx, config)
}

// watch waits for the process to end. Unless that was expected, it is a failure, whatever the exit status.
func (m *controllerManager) watch(cmd *exec.Cmd) {
	_ = cmd.Wait() // ProcessState is enough
	if m.stopping.Load() {
		return
	}
	m.err = fmt.Errorf("%s exited unexpectedly (%s); the end of its log:\n%s",
		controllerManagerName, cmd.ProcessState, logTail(m.dir, controllerManagerName))
	close(m.died)
}

// waitUntilActing waits for the first thing that the controllers do in a new cluster: create the ServiceAccount of the
// namespace default.
func (m *controllerManager) waitUntilActing(ctx context.Context, config *rest.Config) error {
	reader, err := client.New(config, client.Options{})
	if err != nil {
		return err
	}
	const interval = 50 * time.Millisecond
	return wait.PollUntilContextTimeout(ctx, interval, startTimeout, true, func(ctx context.Context) (bool, error) {
		if err := m.failure(); err != nil {
			return false, err
		}
		key := client.ObjectKey{Namespace: corev1.NamespaceDefault, Name: "default"}
		err := reader.Get(ctx, key, &corev1.ServiceAccount{})
		return err == nil, client.IgnoreNotFound(err)
	})
}

// failure returns how the process ended unexpectedly; nil otherwise.
func (m *controllerManager) failure() error {
	select {
	case <-m.died:
		return m.err
	default:
		return nil
	}
}
