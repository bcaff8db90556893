// SPDX-License-Identifier: Apache-2.0

// Package process runs the binaries of this repository as child processes that never outlive their owner.
package process

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

// tailLines is how many lines of the log explain why a process ended.
const tailLines = 15

// How bash reports a process that a signal of the guard ended, either before the process could handle it or by force.
const (
	endedBySignal = 128 + int(syscall.SIGTERM)
	endedByKill   = 128 + int(syscall.SIGKILL)
)

// Orders to the guard.
const (
	killOrder   = "kill\n"
	freezeOrder = "freeze\n"
	thawOrder   = "thaw\n"
)

// Process is a child that ends on Stop, and when this process dies for any reason.
type Process struct {
	// LogFile holds its output.
	LogFile string

	name     string
	pid      int            // of the guard
	guard    io.WriteCloser // closing it ends the process
	stopping atomic.Bool
	done     chan struct{} // closed after the process ended
	state    *os.ProcessState
}

// Start starts a command and writes its log, which is standard error and, if stdout is nil, standard output, to a new
// file. The process does not end with ctx, so that the owner controls the order in which processes end; see Stop.
func Start(ctx context.Context, logFile string, stdout io.Writer, command ...string) (*Process, error) {
	p := &Process{LogFile: logFile, name: filepath.Base(command[0]), done: make(chan struct{})}
	log, err := os.Create(logFile) //nolint:gosec // G304: chosen by the owner
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
	// A session of its own shields it from Ctrl-C and from a closing terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if p.guard, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // the state is enough
		p.state = cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// Guard is the process ID of the parent of the command.
func (p *Process) Guard() int { return p.pid }

// Stop ends the process and waits for it. It may be called repeatedly, and for a process that was never started.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	reported := p.stopping.Swap(true)
	_ = p.guard.Close()
	<-p.done
	if reported || p.state.Success() || p.state.ExitCode() == endedBySignal {
		return nil
	}
	return fmt.Errorf("%s ended with %s when it was stopped; its log is %s", p.name, p.state, p.LogFile)
}

// Kill ends the process as a crash would, without a chance to clean up, and waits for it. An error means that it had
// already ended.
func (p *Process) Kill() error {
	if err := p.order(killOrder); err != nil {
		return err
	}
	<-p.done
	if p.stopping.Swap(true) || p.state.ExitCode() != endedByKill {
		return fmt.Errorf("%s ended with %s before it was killed; its log is %s", p.name, p.state, p.LogFile)
	}
	return nil
}

// Freeze pauses the process wherever it is, without a chance to react, until Thaw. It does not wait for the effect.
func (p *Process) Freeze() error { return p.order(freezeOrder) }

// Thaw resumes a frozen process.
func (p *Process) Thaw() error { return p.order(thawOrder) }

func (p *Process) order(order string) error {
	if _, err := io.WriteString(p.guard, order); err != nil {
		return fmt.Errorf("%s %s: %w", strings.TrimSpace(order), p.name, err)
	}
	return nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Failure returns, after Done, why the process ended without being stopped.
func (p *Process) Failure() error {
	p.stopping.Store(true) // Failure reports it, once
	return fmt.Errorf("%s exited unexpectedly (%s); the end of its log %s:\n%s",
		p.name, p.state, p.LogFile, tail(p.LogFile, tailLines))
}

// tail returns the last lines of a file.
func tail(file string, count int) string {
	text, err := os.ReadFile(file) //nolint:gosec // G304: our own file
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}
