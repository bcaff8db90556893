// SPDX-License-Identifier: Apache-2.0

//go:build unix

package run

import (
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// group is the processes that CMD consists of, as far as signals reach them.
type group struct {
	process *exec.Cmd
	// terminal is the controlling terminal; nil if there is none. CMD then has a process group of its own, so that signals
	// reach what a shell has started. At a terminal it shares ours: that is what Ctrl-C, Ctrl-Z, fg and questions for
	// passwords work with.
	terminal *os.File
}

func newGroup(process *exec.Cmd) group {
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		process.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	}
	return group{process, terminal}
}

// signal sends a signal to all of them. A process that has ended just now is no error.
func (g group) signal(s os.Signal) {
	number, is := s.(syscall.Signal)
	if !is {
		return
	}
	target := g.process.Process.Pid
	if g.terminal == nil {
		target = -target
	}
	_ = syscall.Kill(target, number)
}

// fromTerminal reports whether an interruption that came now came from the terminal, which sends it to CMD, too.
func (g group) fromTerminal() bool {
	if g.terminal == nil {
		return false
	}
	foreground, err := unix.IoctlGetInt(int(g.terminal.Fd()), unix.TIOCGPGRP)
	return err == nil && foreground == syscall.Getpgrp()
}
