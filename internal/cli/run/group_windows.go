// SPDX-License-Identifier: Apache-2.0

package run

import (
	"os"
	"os/exec"
)

// group is the process of CMD. Windows delivers Ctrl-C to all processes of a console by itself, and knows no other
// signals between processes.
type group struct{ process *exec.Cmd }

func newGroup(process *exec.Cmd) group { return group{process} }

// signal ends the process unless it has the signal from the console.
func (g group) signal(s os.Signal) {
	if s != os.Interrupt {
		_ = g.process.Process.Kill()
	}
}

func (group) fromTerminal() bool { return true }
