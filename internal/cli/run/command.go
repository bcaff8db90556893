// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"os/exec"
	"syscall"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// child is CMD while it runs.
type child struct {
	*exec.Cmd

	group
	// done gets the exit code.
	done chan int
}

// find looks for the program of a command line, before anything is asked for.
func find(command []string) (string, error) {
	path, err := exec.LookPath(command[0])
	if err != nil {
		return "", unstartable(err)
	}
	return path, nil
}

// start starts CMD with the streams of this process.
func start(f *frame.Frame, path string, command, environment []string) (*child, error) {
	c := &child{Cmd: &exec.Cmd{Path: path, Args: command, Env: environment}, done: make(chan int, 1)}
	c.Stdin, c.Stdout, c.Stderr = f.In, f.Out, f.ErrOut
	c.group = newGroup(c.Cmd)
	if err := c.Start(); err != nil {
		return nil, unstartable(err)
	}
	go func() {
		_ = c.Wait() // the state is enough
		c.done <- codeOf(c.ProcessState)
	}()
	return c, nil
}

// codeOf is the exit code of a process as shells have it.
func codeOf(state *os.ProcessState) int {
	if status, is := state.Sys().(syscall.WaitStatus); is && status.Signaled() {
		return frame.ExitSignal + int(status.Signal())
	}
	return state.ExitCode()
}
