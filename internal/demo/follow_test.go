// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/process"
)

// idle is a process of this name that does nothing.
func idle(t *testing.T, name string) *process.Process {
	t.Helper()
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(shell, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	p, err := process.Start(t.Context(), filepath.Join(dir, "log"), nil, filepath.Join(dir, name), "-c", "exec sleep 600")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// waiting is a demo that waits for one object; its processes do nothing.
func waiting(t *testing.T) (*demo, chan observation, *strings.Builder) {
	t.Helper()
	updates, out := make(chan observation, 10), &strings.Builder{}
	return &demo{
		screen: screenAt(out, false, time.Second), updates: updates,
		board:   newBoard([]identity{{"LocalUser", "ns", "alice"}}),
		manager: idle(t, "manager"), simulator: idle(t, "pam-simulator"),
	}, updates, out
}

func TestAwaitReadyShowsTransitionsUntilAllIsReady(t *testing.T) {
	d, updates, out := waiting(t)
	d.Timeout = time.Hour
	alice := identity{"LocalUser", "ns", "alice"}
	updates <- observation{identity: alice, reason: "Locked", message: "admin holds the lock"}
	updates <- observation{identity: alice, reason: "Synced", ready: true, detail: "4711"}
	if err := d.awaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	const want = "[   1.0s]   LocalUser            ns/alice                     Locked: admin holds the lock\n" +
		"[   1.0s]   LocalUser            ns/alice                     Synced (4711)\n"
	if out.String() != want {
		t.Errorf("shown:\n%swant:\n%s", out, want)
	}
}

func TestFollowFails(t *testing.T) {
	passed := make(chan time.Time)
	close(passed)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	tests := map[string]struct {
		ctx      context.Context
		deadline <-chan time.Time
		prepare  func(*demo)
		want     string
	}{
		"when the time is over, with the reasons": {
			ctx: t.Context(), deadline: passed, want: "LocalUser ns/alice: Locked: admin holds the lock",
			prepare: func(d *demo) {
				d.board.note(observation{
					identity: identity{"LocalUser", "ns", "alice"}, reason: "Locked", message: "admin holds the lock",
				})
			},
		},
		"when the time is over and an object was never seen": {
			ctx: t.Context(), deadline: passed, prepare: func(*demo) {}, want: "LocalUser ns/alice: NotSeen",
		},
		"when the manager ends": {
			ctx: t.Context(), prepare: func(d *demo) { _ = d.manager.Kill() }, want: "manager exited unexpectedly",
		},
		"when the simulator ends": {
			ctx: t.Context(), prepare: func(d *demo) { _ = d.simulator.Kill() }, want: "pam-simulator exited unexpectedly",
		},
		"when the context ends": {ctx: ended, prepare: func(*demo) {}, want: context.Canceled.Error()},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			d, _, _ := waiting(t)
			tt.prepare(d)
			err := d.follow(tt.ctx, tt.deadline, func() bool { return false })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestRunWithoutItsBinariesLeavesNothing(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv(assetsVariable, filepath.Join(tmp, "nothing"))
	var out strings.Builder
	err := Run(t.Context(), Options{Root: "../..", Bin: tmp, Out: &out, Once: true})
	if err == nil || !strings.Contains(err.Error(), "make controlplane") {
		t.Errorf("error %v does not say what to do", err)
	}
	if left, _ := filepath.Glob(filepath.Join(tmp, "*")); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestRunSaysThatItWasInterrupted(t *testing.T) {
	t.Setenv(assetsVariable, "") // Run sets it, and the test sets it back
	t.Setenv("TMPDIR", t.TempDir())
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := Run(ended, Options{Root: "../..", Bin: t.TempDir(), Out: &strings.Builder{}})
	if !errors.Is(err, errInterrupted) {
		t.Errorf("error %v, want %v", err, errInterrupted)
	}
}
