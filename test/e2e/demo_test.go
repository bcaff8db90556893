// SPDX-License-Identifier: Apache-2.0

// Package e2e runs the built binaries: the manager with exactly the rights of its role, on a real control plane,
// against simulated appliances. "make test-e2e" builds what it needs.
package e2e

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// patience bounds a run of the demo, which takes a few seconds.
const patience = 5 * time.Minute

// binary is a command built by "make build".
func binary(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("..", "..", "bin", name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatalf("bin/%s is missing: run \"make build\" (make test and make test-e2e do)", name)
	}
	return path
}

// TestDemoMakesEverySampleReady proves that the shipped samples work, and that the manager needs no right beyond its
// generated role.
func TestDemoMakesEverySampleReady(t *testing.T) { makesEverySampleReady(t) }

// TestRolesInSomeNamespacesAreEnough proves that the manager needs no cluster-wide rights if it is told which
// namespaces to watch: it has only those of config/namespaced.
func TestRolesInSomeNamespacesAreEnough(t *testing.T) { makesEverySampleReady(t, "--namespaced") }

func makesEverySampleReady(t *testing.T, arguments ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	demo := exec.CommandContext(ctx, binary(t, "pam-demo"), append(arguments, "--once")...)
	demo.Dir = filepath.Join("..", "..")
	demo.Cancel = func() error { return demo.Process.Signal(os.Interrupt) } // so that it stops what it started
	demo.WaitDelay = time.Minute
	var out bytes.Buffer
	demo.Stdout, demo.Stderr = &out, &out
	if err := demo.Run(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		"rdp_demo", "rdp-finance", "rdp-auditors", "alice", "ssh-url", "Synced", "Active",
		"Job payments/nightly-vacuum is Complete", "Secret payments/nightly-vacuum-session is gone",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the demo does not show %q:\n%s", want, out.String())
		}
	}
}
