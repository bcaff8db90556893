// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/pam-operator/pam-operator/internal/controlplane"
)

// childVariable, when set, turns this test binary into an owner that starts a control plane and waits to be killed.
const childVariable = "CONTROLPLANE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(childVariable) == "" {
		os.Exit(m.Run())
	}
	if _, err := controlplane.Start(context.Background(), controlplane.Options{ControllerManager: true}); err != nil {
		_, _ = fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	_, _ = fmt.Fprintln(os.Stdout, "ready")
	_, _ = io.Copy(io.Discard, os.Stdin) // until it is killed
}

func TestNothingOutlivesItsOwner(t *testing.T) {
	cases := map[string]os.Signal{
		"a killed owner":             syscall.SIGKILL,
		"an owner ended with Ctrl-C": os.Interrupt,
	}
	for name, signal := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tmp := t.TempDir()
			owner := startOwner(t, tmp)
			// etcd, kube-apiserver, kube-controller-manager and the watchdog.
			if running := processesBelow(t, tmp); len(running) != 4 {
				t.Fatalf("running before the end of the owner: %v", running)
			}
			if err := owner.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			_ = owner.Wait() // it was killed, which is an error
			assertNothingLeft(t, tmp)
		})
	}
}

func TestTheEndOfTheContextEndsAStart(t *testing.T) {
	cases := map[string]string{ // the step during which the context ends
		"while etcd starts":                   "starting etcd",
		"while the controller manager starts": "starting kube-controller-manager",
	}
	for name, step := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_, err := controlplane.Start(ctx, controlplane.Options{
				Dir:               dir,
				ControllerManager: true,
				Out: writerFunc(func(line []byte) {
					if strings.HasPrefix(string(line), step) {
						cancel()
					}
				}),
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("want the context's error, got %v", err)
			}
			if left := processesBelow(t, dir); len(left) > 0 {
				t.Errorf("still running: %v", left)
			}
		})
	}
}

func TestTheEndOfTheContextEndsWhatRuns(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	cp, err := controlplane.Start(ctx, controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	assertNothingLeft(t, filepath.Dir(cp.KubeconfigFile))
	if err := cp.Stop(); err != nil {
		t.Errorf("stop after the end: %v", err)
	}
}

func TestADeadControllerManagerIsReported(t *testing.T) {
	t.Parallel()
	g := NewWithT(t)
	dir := filepath.Join(t.TempDir(), "kept")
	cp, err := controlplane.Start(t.Context(), controlplane.Options{Dir: dir, ControllerManager: true})
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = cp.Stop() }()
	g.Expect(cp.Err()).NotTo(HaveOccurred())

	for pid, arguments := range processesBelow(t, dir) {
		if strings.Contains(arguments, "assets/kube-controller-manager ") {
			g.Expect(syscall.Kill(pid, syscall.SIGKILL)).To(Succeed())
		}
	}
	g.Eventually(cp.Err).WithTimeout(deadline).Should(
		MatchError(ContainSubstring("kube-controller-manager exited unexpectedly (signal: killed)")))
	g.Expect(cp.Stop()).To(MatchError(ContainSubstring("kube-controller-manager exited unexpectedly")))
	g.Expect(processesBelow(t, dir)).To(BeEmpty())
	g.Expect(filepath.Join(dir, "logs", "kube-apiserver.log")).To(BeARegularFile(), "a folder that was given is kept")
}

func TestStartFails(t *testing.T) {
	cases := map[string]struct {
		binaries []string          // links to the real ones
		scripts  map[string]string // in place of a binary
		crds     []string
		content  string // a file already in the folder
		want     []string
	}{
		"when a binary is missing, and says how to build it": {
			binaries: []string{"etcd", "kube-apiserver"},
			want:     []string{"kube-controller-manager", "make controlplane"},
		},
		"when kube-apiserver dies, with the end of its log": {
			binaries: []string{"etcd", "kube-controller-manager"},
			scripts:  map[string]string{"kube-apiserver": "[[ $1 == --help ]] || { echo no port for me; exit 3; }"},
			want:     []string{"kube-apiserver", "no port for me"},
		},
		"when the controller manager dies, with the end of its log": {
			binaries: []string{"etcd", "kube-apiserver"},
			scripts:  map[string]string{"kube-controller-manager": "echo bad flag; exit 0"},
			want:     []string{"kube-controller-manager exited unexpectedly (exit status 0)", "bad flag"},
		},
		"when there are no definitions where they should be": {
			binaries: []string{"etcd", "kube-apiserver", "kube-controller-manager"},
			crds:     []string{"testdata/absent"},
			want:     []string{"testdata/absent", "no such file"},
		},
		"when the folder is not empty": {
			binaries: []string{"etcd", "kube-apiserver", "kube-controller-manager"},
			content:  "precious",
			want:     []string{"is not empty"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			t.Setenv("KUBEBUILDER_ASSETS", fakeAssets(t, tc.binaries, tc.scripts))
			dir := t.TempDir()
			if tc.content != "" {
				g.Expect(os.WriteFile(filepath.Join(dir, tc.content), nil, 0o600)).To(Succeed())
			}
			_, err := controlplane.Start(t.Context(),
				controlplane.Options{Dir: dir, CRDDirs: tc.crds, ControllerManager: true})
			g.Expect(err).To(HaveOccurred())
			for _, want := range tc.want {
				g.Expect(err).To(MatchError(ContainSubstring(want)))
			}
			g.Expect(processesBelow(t, dir)).To(BeEmpty())
			if tc.content != "" {
				g.Expect(filepath.Join(dir, tc.content)).To(BeARegularFile())
			}
		})
	}
}

func TestBinariesAreFoundAboveTheWorkingDirectory(t *testing.T) {
	t.Setenv("KUBEBUILDER_ASSETS", "")
	t.Chdir(t.TempDir())
	_, err := controlplane.Start(t.Context(), controlplane.Options{})
	NewWithT(t).Expect(err).To(MatchError(ContainSubstring("make controlplane")))
}

// startOwner runs this test binary as a process that owns a control plane with its temporary files below tmp, and
// returns when the control plane is ready.
func startOwner(t *testing.T, tmp string) *exec.Cmd {
	t.Helper()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	owner := exec.CommandContext(t.Context(), binary)
	owner.Env = append(os.Environ(), childVariable+"=1", "TMPDIR="+tmp)
	if _, err := owner.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	stdout, err := owner.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := owner.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if line != "ready\n" {
		t.Fatalf("the owner said %q (%v)", line, err)
	}
	return owner
}

// assertNothingLeft waits until no process has a path below dir among its arguments, and dir is gone or empty.
func assertNothingLeft(t *testing.T, dir string) {
	t.Helper()
	g := NewWithT(t)
	g.Eventually(func() map[int]string { return processesBelow(t, dir) }).WithTimeout(deadline).Should(BeEmpty())
	g.Eventually(func() ([]string, error) { return filepath.Glob(filepath.Join(dir, "*")) }).
		WithTimeout(deadline).Should(BeEmpty())
}

// processesBelow returns the arguments of the processes that mention a path below dir, by process ID. A zombie process
// has no arguments.
func processesBelow(t *testing.T, dir string) map[int]string {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil || len(files) == 0 {
		t.Skip("needs /proc to see the processes of the machine")
	}
	found := map[int]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(content), dir+"/") {
			continue // it has ended meanwhile, or is not ours
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil && pid != os.Getpid() {
			found[pid] = strings.ReplaceAll(string(content), "\x00", " ")
		}
	}
	return found
}

// fakeAssets returns a folder with links to some of the real binaries and scripts in place of the others.
func fakeAssets(t *testing.T, binaries []string, scripts map[string]string) string {
	t.Helper()
	dir, assets := t.TempDir(), realAssets(t)
	for _, name := range binaries {
		if err := os.Symlink(filepath.Join(assets, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	for name, body := range scripts {
		script := []byte("#!/usr/bin/env bash\n" + body + "\n")
		if err := os.WriteFile(filepath.Join(dir, name), script, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func realAssets(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir
	}
	dir, err := filepath.Abs(filepath.Join("..", "..", "bin", "k8s"))
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

type writerFunc func([]byte)

func (f writerFunc) Write(text []byte) (int, error) {
	f(text)
	return len(text), nil
}
