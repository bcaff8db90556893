// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/process"
)

const (
	// within is how long to wait for a state. The longest wait in the product itself is the one for a lock, 15 s.
	within       = 90 * time.Second
	pollInterval = 200 * time.Millisecond
)

// readyReason is the status of Ready and its reason, such as "True Synced".
func readyReason(conditions []metav1.Condition) string {
	ready := meta.FindStatusCondition(conditions, pamv1alpha1.ConditionReady)
	if ready == nil {
		return "none"
	}
	return string(ready.Status) + " " + ready.Reason
}

// manager is bin/manager for one scenario, which starts and stops it as often as it likes.
type manager struct {
	cluster   *cluster
	namespace string
	dir       string
	// kubeconfig and arguments may be changed before a start; the arguments are additional ones.
	kubeconfig string
	arguments  []string

	mu    sync.Mutex
	lives []*process.Process
}

// newManager starts nothing. The manager watches only one namespace, so that scenarios can run in parallel, and leads
// without a Lease: a successor would wait 15 s for that of a killed manager, and on a busy machine a manager may lose
// it. Except for that and for debug logging it is started as installed.
func newManager(t *testing.T, c *cluster, namespace string) *manager {
	t.Helper()
	m := &manager{cluster: c, namespace: namespace, dir: t.TempDir(), kubeconfig: c.managerKubeconfig}
	t.Cleanup(func() {
		for _, life := range m.lives {
			_ = life.Stop() // of those that have ended; the last one is stopped by the scenario, or has failed it
		}
		if t.Failed() {
			t.Log("the end of the manager's log:\n" + lastLines(m.log(t), 60))
		}
	})
	return m
}

// start starts the manager.
func (m *manager) start(t *testing.T) {
	t.Helper()
	command := append([]string{binary(t, "manager")}, m.cluster.installed.Arguments(m.kubeconfig)...)
	command = append(command, "--leader-elect=false", "--watch-namespaces="+m.namespace, "--zap-log-level=debug",
		"--min-poll-interval=10ms", "--max-requests-per-second=1000") // no scenario should wait for a round
	command = append(command, m.arguments...)
	logFile := filepath.Join(m.dir, fmt.Sprintf("manager-%d.log", len(m.lives)+1))
	life, err := process.Start(t.Context(), logFile, nil, command...)
	if err != nil {
		t.Fatal(err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.lives = append(m.lives, life)
}

// running is the most recent process.
func (m *manager) running() *process.Process {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lives[len(m.lives)-1]
}

// kill ends the manager with SIGKILL and returns when it is gone.
func (m *manager) kill() error { return m.running().Kill() }

// stop stops the manager as the deletion of its Pod would, and requires a clean exit.
func (m *manager) stop(t *testing.T) {
	t.Helper()
	if err := m.running().Stop(); err != nil {
		t.Error(err)
	}
}

// alive aborts a wait for something that an ended manager will never do.
func (m *manager) alive() {
	select {
	case <-m.running().Done():
		StopTrying("the manager has ended").Wrap(m.running().Failure()).Now()
	default:
	}
}

// log is what the manager wrote in all its lives.
func (m *manager) log(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, life := range m.lives {
		text, err := os.ReadFile(life.LogFile)
		if err != nil {
			t.Error(err)
		}
		all.Write(text)
	}
	return all.String()
}

func lastLines(text string, count int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// kill kills the manager once, at the moment of a given request to the appliance.
type kill struct {
	manager *manager
	once    sync.Once
	done    chan error
}

func newKill(m *manager) *kill { return &kill{manager: m, done: make(chan error, 1)} }

// now returns when the manager is gone.
func (k *kill) now() { k.once.Do(func() { k.done <- k.manager.kill() }) }

func (k *kill) await(t *testing.T) {
	t.Helper()
	select {
	case err := <-k.done:
		if err != nil {
			t.Fatal(err)
		}
	case <-time.After(within):
		t.Fatal("the request at which to kill the manager was not seen")
	}
}
