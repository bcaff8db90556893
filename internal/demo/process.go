// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
)

//go:embed guard.sh
var guardScript string

// tailLines is how many lines of a log explain why a process ended.
const tailLines = 15

// endedBySignal is how bash reports a process that the guard's signal ended before it could take notice of it.
const endedBySignal = 128 + int(syscall.SIGTERM)

// process is a child that ends when it is told to, and when this process dies in whatever way.
type process struct {
	name, logFile string
	owner         io.Closer // of the guard: closing it ends the process
	stopping      atomic.Bool
	done          chan struct{} // closed after the end
	state         *os.ProcessState
}

// startProcess starts a command whose log, which is its standard error and, if stdout is nil, its standard output, goes
// into a new file. It does not end with ctx, so that the order of ends is ours; see stop.
func startProcess(ctx context.Context, logFile string, stdout io.Writer, command ...string) (*process, error) {
	p := &process{name: filepath.Base(command[0]), logFile: logFile, done: make(chan struct{})}
	log, err := os.Create(logFile) //nolint:gosec // G304: a file in our own folder
	if err != nil {
		return nil, err
	}
	defer log.Close()
	if stdout == nil {
		stdout = log
	}
	arguments := append([]string{"-c", guardScript, "guard"}, command...)
	//nolint:gosec // G204: the script is our own, the command a binary of this repository.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "bash", arguments...)
	cmd.Stdout, cmd.Stderr = stdout, log
	// In a session of its own it is out of reach of Ctrl-C and of a closing terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p.owner, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	go func() {
		_ = cmd.Wait() // the state says it all
		p.state = cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// stop ends the process and waits for that. It may be called more than once, and for a process that was never started.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	told := p.stopping.Swap(true)
	_ = p.owner.Close()
	<-p.done
	if told || p.state.Success() || p.state.ExitCode() == endedBySignal {
		return nil
	}
	return fmt.Errorf("%s ended with %s when it was stopped; its log is %s", p.name, p.state, p.logFile)
}

// failure explains, after done, why the process ended although nobody asked it to.
func (p *process) failure() error {
	p.stopping.Store(true) // it is told once, here
	return fmt.Errorf("%s ended by itself (%s); the end of its log %s:\n%s",
		p.name, p.state, p.logFile, tail(p.logFile, tailLines))
}

// tail returns the last lines of a file.
func tail(file string, count int) string {
	text, err := os.ReadFile(file) //nolint:gosec // G304: a file that we have made
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
