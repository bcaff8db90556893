// SPDX-License-Identifier: Apache-2.0

package site

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/process"
)

// Manager is a running manager.
type Manager struct {
	*process.Process

	t *testing.T
}

// logLines is how much of a manager's log a failure shows.
const logLines = 60

// StartManager starts a manager, which ends with the test at the latest.
func StartManager(t *testing.T, command ...string) *Manager {
	t.Helper()
	running, err := process.Start(t.Context(), filepath.Join(t.TempDir(), "manager.log"), nil, command...)
	if err != nil {
		t.Fatal(err)
	}
	m := &Manager{Process: running, t: t}
	t.Cleanup(func() {
		_ = m.Process.Stop() // whether it ended well is the test's business
		if t.Failed() {
			lines := strings.Split(strings.TrimSpace(m.Log()), "\n")
			t.Log("the end of a manager's log:\n" + strings.Join(lines[max(0, len(lines)-logLines):], "\n"))
		}
	})
	return m
}

// Stop stops the manager as the deletion of its Pod would, and requires a clean exit.
func (m *Manager) Stop() {
	m.t.Helper()
	if err := m.Process.Stop(); err != nil {
		m.t.Error(err)
	}
}

// Log is what the manager has logged so far.
func (m *Manager) Log() string {
	text, err := os.ReadFile(m.LogFile)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// FreeAddress is one on loopback that nothing listens on.
func FreeAddress(t *testing.T) string {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
