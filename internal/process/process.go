// SPDX-License-Identifier: Apache-2.0

// Package process runs the binaries of this repository as children that never outlive their owner.
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

// tailLines is how many lines of a log explain why a process ended.
const tailLines = 15

// How bash reports a process that a signal of the guard ended, before it took notice of it or without asking it.
const (
	endedBySignal = 128 + int(syscall.SIGTERM)
	endedByKill   = 128 + int(syscall.SIGKILL)
)

// The orders that the guard takes.
const (
	killOrder   = "kill\n"
	freezeOrder = "freeze\n"
	thawOrder   = "thaw\n"
)

// Process is a child that ends when it is told to, and when this process dies in whatever way.
type Process struct {
	// LogFile is where its output goes.
	LogFile string

	name     string
	pid      int            // of the guard
	guard    io.WriteCloser // closing it ends the process
	stopping atomic.Bool
	done     chan struct{} // closed after the end
	state    *os.ProcessState
}

// Start starts a command whose log, which is its standard error and, if stdout is nil, its standard output, goes
// into a new file. It does not end with ctx, so that the order of ends is the owner's; see Stop.
func Start(ctx context.Context, logFile string, stdout io.Writer, command ...string) (*Process, error) {
	p := &Process{LogFile: logFile, name: filepath.Base(command[0]), done: make(chan struct{})}
	log, err := os.Create(logFile) //nolint:gosec // G304: the owner chose it
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
	if p.guard, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", p.name, err)
	}
	p.pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // the state says it all
		p.state = cmd.ProcessState
		close(p.done)
	}()
	return p, nil
}

// Guard is the id of the process whose child the command is.
func (p *Process) Guard() int { return p.pid }

// Stop ends the process and waits for that. It may be called more than once, and for a process that was never started.
func (p *Process) Stop() error {
	if p == nil {
		return nil
	}
	told := p.stopping.Swap(true)
	_ = p.guard.Close()
	<-p.done
	if told || p.state.Success() || p.state.ExitCode() == endedBySignal {
		return nil
	}
	return fmt.Errorf("%s ended with %s when it was stopped; its log is %s", p.name, p.state, p.LogFile)
}

// Kill ends the process as a crash does, without a chance to take notice, and waits for that. An error means that it
// had ended before.
func (p *Process) Kill() error {
	if err := p.order(killOrder); err != nil {
		return err
	}
	<-p.done
	if p.stopping.Swap(true) || p.state.ExitCode() != endedByKill {
		return fmt.Errorf("%s was to be killed, but ended with %s; its log is %s", p.name, p.state, p.LogFile)
	}
	return nil
}

// Freeze orders that the process is stopped where it is, without a chance to take notice, until Thaw. It does not wait
// for that.
func (p *Process) Freeze() error { return p.order(freezeOrder) }

// Thaw lets a process go on that was frozen.
func (p *Process) Thaw() error { return p.order(thawOrder) }

func (p *Process) order(order string) error {
	if _, err := io.WriteString(p.guard, order); err != nil {
		return fmt.Errorf("%s %s: %w", strings.TrimSpace(order), p.name, err)
	}
	return nil
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Failure explains, after Done, why the process ended although nobody asked it to.
func (p *Process) Failure() error {
	p.stopping.Store(true) // it is told once, here
	return fmt.Errorf("%s ended by itself (%s); the end of its log %s:\n%s",
		p.name, p.state, p.LogFile, tail(p.LogFile, tailLines))
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
