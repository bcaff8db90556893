// SPDX-License-Identifier: Apache-2.0

package controlplane

import (
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"syscall"
)

//go:embed watchdog.sh
var watchdogScript string

// watchdog is a process that may outlive this one. It ends every component of one control plane when fire is called or
// when this process dies for any reason: both close the pipe that it reads.
type watchdog struct {
	fire func() error // idempotent; returns when everything is gone
}

// startWatchdog guards the components that are started from the folder dir.
func startWatchdog(ctx context.Context, dir string, remove bool) (*watchdog, error) {
	afterwards := "keep"
	if remove {
		afterwards = "remove"
	}
	// It must not end with ctx: that is when it is needed.
	//nolint:gosec // G204: the script is our own, the folder an argument of it.
	cmd := exec.CommandContext(context.WithoutCancel(ctx), "bash", "-c", watchdogScript, "watchdog", dir, afterwards)
	// A session of its own shields it from Ctrl-C and from a closing terminal.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}

	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting the watchdog: %w", err)
	}
	cmd.Stdin = reader
	err = cmd.Start()
	_ = reader.Close()
	if err != nil {
		_ = writer.Close()
		return nil, fmt.Errorf("starting the watchdog: %w", err)
	}
	return &watchdog{fire: sync.OnceValue(func() error {
		_ = writer.Close()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("the control plane in %s did not end: %w", dir, err)
		}
		return nil
	})}, nil
}
