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

// controllers are those whose work a test can see: deletion of namespaces, ownership, Jobs, service accounts,
// aggregated roles, and the type check of admission policies. There are no nodes, hence no scheduling and no kubelet.
var controllers = []string{
	"namespace-controller",
	"garbage-collector-controller",
	"job-controller",
	"ttl-after-finished-controller",
	"serviceaccount-controller",
	"clusterrole-aggregation-controller",
	"validatingadmissionpolicy-status-controller",
}

// controllerManager is the process of kube-controller-manager, if it was asked for.
type controllerManager struct {
	dir      string
	stopping atomic.Bool   // from now on it may end
	died     chan struct{} // closed when it ended before that; err is set first
	err      error
}

// start starts the process and waits until it acts.
func (m *controllerManager) start(ctx context.Context, config *rest.Config, kubeconfig string) error {
	log, err := createLog(m.dir, controllerManagerName)
	if err != nil {
		return err
	}
	defer log.Close()

	// The watchdog ends it, so that there is one way to end.
	//nolint:gosec // G204: a path below our own folder and constant flags.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(m.dir, "bin", controllerManagerName),
		"--kubeconfig="+kubeconfig,
		"--controllers="+strings.Join(controllers, ","),
		"--leader-elect=false",
		"--secure-port=0", // no endpoint of its own: no port to choose, nothing to probe
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

// watch waits for the end of the process, which is a failure, whatever its exit status, unless it was asked for.
func (m *controllerManager) watch(cmd *exec.Cmd) {
	_ = cmd.Wait() // ProcessState says it all
	if m.stopping.Load() {
		return
	}
	m.err = fmt.Errorf("%s ended by itself (%s); the end of its log:\n%s",
		controllerManagerName, cmd.ProcessState, logTail(m.dir, controllerManagerName))
	close(m.died)
}

// waitUntilActing waits for the first thing that the controllers do by themselves in a new cluster: the ServiceAccount
// of the namespace default.
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

// failure returns how the process ended by itself; nil otherwise.
func (m *controllerManager) failure() error {
	select {
	case <-m.died:
		return m.err
	default:
		return nil
	}
}
