// SPDX-License-Identifier: Apache-2.0

package sessionrun

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	. "github.com/onsi/gomega"

	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

// plugin is a run of the plugin. It has no terminal, like a Job.
type plugin struct {
	b   *bed
	cmd *exec.Cmd
	// stdout and stderr are files, so that they can be read at any time.
	stdout, stderr string
	// folder is where its private folder is made, and where CMD leaves signs.
	folder string
	done   chan struct{}
}

// session is the request of most runs.
func session(more ...string) []string {
	return append([]string{
		"--connection", builder.DefaultNPSConnection, "--activity", builder.DefaultActivity, "--resource",
		builder.DefaultResource, "--timeout", site.Within.String(), "--end-timeout", site.Within.String(),
	}, more...)
}

// command is CMD of a run: a script that makes a sign when it begins.
func command(script string) []string {
	return []string{"--", "sh", "-c", `touch "$SIGNS/began"; ` + script}
}

// lasting is CMD that goes on until it is signalled, or the sign "enough" is made.
const lasting = `while [ -d "$SIGNS" ] && [ ! -e "$SIGNS/enough" ]; do sleep 0.1; done`

// start starts the plugin. Variables come before the arguments.
func (b *bed) start(environment []string, arguments ...string) *plugin {
	b.Helper()
	p := b.prepare(environment, arguments...)
	p.open(p.stderr, func(f *os.File) { p.cmd.Stderr = f })
	p.begin()
	return p
}

// startWith starts the plugin with another standard error.
func (b *bed) startWith(stderr *os.File, arguments ...string) *plugin {
	b.Helper()
	p := b.prepare(nil, arguments...)
	p.cmd.Stderr = stderr
	p.begin()
	return p
}

func (b *bed) prepare(environment []string, arguments ...string) *plugin {
	b.Helper()
	p := &plugin{b: b, folder: b.TempDir(), done: make(chan struct{})}
	p.stdout, p.stderr = filepath.Join(p.folder, "stdout"), filepath.Join(p.folder, "stderr")
	all := append([]string{"--kubeconfig", b.line.kubeconfig, "session", "run"}, arguments...)
	p.cmd = exec.CommandContext(b.Context(), site.Binary(b.T, "kubectl-pam"), all...)
	p.cmd.Env = append(os.Environ(), "TMPDIR="+p.folder, "XDG_RUNTIME_DIR=", "SIGNS="+p.folder, "LC_ALL=C.UTF-8")
	p.cmd.Env = append(p.cmd.Env, environment...)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	p.open(p.stdout, func(f *os.File) { p.cmd.Stdout = f })
	return p
}

func (p *plugin) begin() {
	p.b.Helper()
	if err := p.cmd.Start(); err != nil {
		p.b.Fatal(err)
	}
	go func() {
		_ = p.cmd.Wait() // the state is enough
		close(p.done)
	}()
	p.b.Cleanup(func() {
		p.enough() // for a CMD whose plugin was killed
		if p.b.Failed() {
			p.b.Logf("the plugin said:\n%s%s", p.read(p.stdout), p.read(p.stderr))
		}
	})
}

// run runs the plugin to its end.
func (b *bed) run(environment []string, arguments ...string) (code int, said string) {
	b.Helper()
	p := b.start(environment, arguments...)
	code = p.wait()
	return code, p.read(p.stderr)
}

func (p *plugin) open(file string, use func(*os.File)) {
	p.b.Helper()
	f, err := os.Create(file)
	if err != nil {
		p.b.Fatal(err)
	}
	p.b.Cleanup(func() { _ = f.Close() })
	use(f)
}

func (p *plugin) read(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// wait returns the exit code.
func (p *plugin) wait() int {
	p.b.Helper()
	NewWithT(p.b.T).Eventually(p.done).WithTimeout(2*site.Within).Should(BeClosed(), "the plugin goes on")
	return p.cmd.ProcessState.ExitCode()
}

// enough makes the sign at which a lasting CMD ends.
func (p *plugin) enough() {
	if err := os.WriteFile(filepath.Join(p.folder, "enough"), nil, 0o600); err != nil && !errors.Is(err, os.ErrNotExist) {
		p.b.Error(err)
	}
}

// began waits until CMD runs.
func (p *plugin) began() {
	p.b.Helper()
	p.sees("began")
}

// sees waits for a sign of CMD.
func (p *plugin) sees(name string) {
	p.b.Helper()
	p.b.eventually(func(g Gomega) {
		select {
		case <-p.done:
			StopTrying("the plugin has ended").Now()
		default:
		}
		g.Expect(filepath.Join(p.folder, name)).To(BeAnExistingFile())
	})
}

// says waits until the plugin has said something.
func (p *plugin) says(text string) {
	p.b.Helper()
	p.b.eventually(func(g Gomega) { g.Expect(p.read(p.stderr)).To(ContainSubstring(text)) })
}

func (p *plugin) signal(s syscall.Signal) {
	p.b.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.b.Fatal(err)
	}
}

// noFolderIsLeft requires that no private folder is left.
func (p *plugin) noFolderIsLeft() {
	p.b.Helper()
	left, err := filepath.Glob(filepath.Join(p.folder, "kubectl-pam-*"))
	if err != nil || len(left) > 0 {
		p.b.Error(left, err)
	}
}

// lines are those of a text without the empty ones.
func lines(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
}
