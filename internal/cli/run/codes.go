// SPDX-License-Identifier: Apache-2.0

package run

import (
	"errors"
	"io/fs"
	"os/exec"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// Exit codes of `session run`, as env(1) and timeout(1) have them. Everything else is the code of CMD.
const (
	// codeNoSession means that the session could not be had, or that it ended before CMD, or could not be ended.
	codeNoSession = 125
	// codeNotExecutable means that CMD cannot be executed.
	codeNotExecutable = 126
	// codeNotFound means that CMD is not there.
	codeNotFound = 127
)

// noSession gives errors without an exit code of their own the one of a session that could not be had. Interruptions
// and time limits have theirs.
func noSession(err error) error {
	var with frame.Coded
	if err == nil || errors.As(err, &with) || frame.IsInterruption(err) || frame.IsTimeout(err) {
		return err
	}
	return frame.Exit(codeNoSession, err)
}

// refused does so for a session that fails or is denied, too, which to other commands is the answer no.
func refused(err error) error {
	var with frame.Coded
	if errors.As(err, &with) && with.ExitCode() == frame.ExitNo {
		return frame.Exit(codeNoSession, err)
	}
	return noSession(err)
}

// unstartable makes the error of a command that does not start one with its exit code.
func unstartable(err error) error {
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, fs.ErrNotExist) {
		return frame.Exit(codeNotFound, err)
	}
	return frame.Exit(codeNotExecutable, err)
}

// outcome is what there is to say at the end.
type outcome struct {
	// code is that of CMD; over is set if the session ended before it.
	code int
	over bool
	// ending is why the session could not be ended.
	ending error
}

// exit is the exit code. What goes wrong with the session does not hide a failure of CMD.
func (o outcome) exit() int {
	switch {
	case o.over:
		return codeNoSession
	case o.code == 0 && o.ending != nil:
		return codeNoSession
	}
	return o.code
}
