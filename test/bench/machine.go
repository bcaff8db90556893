// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// fact is one line about the machine.
type fact struct{ Name, Value string }

func describeMachine(ctx context.Context, root string) []fact {
	apiServer := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-apiserver")
	return []fact{
		{"Processors", fmt.Sprint(runtime.NumCPU())},
		{"Kernel", output(ctx, "uname", "-sr")},
		{"Go", runtime.Version()},
		{"Kubernetes", strings.TrimPrefix(output(ctx, apiServer, "--version"), "Kubernetes ")},
		{"Date", time.Now().UTC().Format(time.DateOnly)},
		{"Commit", output(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12")},
	}
}

// unknown stands for a fact that could not be determined.
const unknown = "unknown"

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return unknown
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// output returns the output of a command.
func output(ctx context.Context, command string, arguments ...string) string {
	text, err := exec.CommandContext(ctx, command, arguments...).Output() //nolint:gosec // G204: one of the commands above
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(text))
}
