// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// unknown stands for a fact that could not be determined.
const unknown = "unknown"

// fact is one line about the machine.
type fact struct{ Name, Value string }

// machine is the machine of a run.
type machine struct {
	cpu, memory, kernel, kubernetes, commit string
	// load is the one-minute load average before the run: other work on the machine makes every time longer.
	load string
	at   time.Time
}

func describeMachine(ctx context.Context, root string) machine {
	apiServer := filepath.Join(os.Getenv("KUBEBUILDER_ASSETS"), "kube-apiserver")
	return machine{
		cpu:        procField("/proc/cpuinfo", "model name"),
		memory:     procField("/proc/meminfo", "MemTotal"),
		kernel:     output(ctx, "uname", "-sr"),
		kubernetes: strings.TrimPrefix(output(ctx, apiServer, "--version"), "Kubernetes "),
		commit:     output(ctx, "git", "-C", root, "describe", "--always", "--dirty", "--abbrev=12"),
		load:       loadAverage(),
		at:         time.Now().UTC(),
	}
}

func (m machine) facts() []fact {
	return []fact{
		{"CPU", fmt.Sprintf("%s, %d cores", m.cpu, runtime.NumCPU())},
		{"Memory", m.memory},
		{"Kernel", m.kernel},
		{"Go", runtime.Version()},
		{"Kubernetes", m.kubernetes},
		{"Load average before the run", m.load},
		{"Date", m.at.Format(time.DateOnly)},
		{"Commit", m.commit},
	}
}

// procField is the first value of a field in a file in /proc.
func procField(file, name string) string {
	text, err := os.Open(file) //nolint:gosec // G304: one of the files above
	if err != nil {
		return unknown
	}
	defer text.Close()
	lines := bufio.NewScanner(text)
	for lines.Scan() {
		if key, value, found := strings.Cut(lines.Text(), ":"); found && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return unknown
}

// output returns the output of a command.
func output(ctx context.Context, command string, arguments ...string) string {
	text, err := exec.CommandContext(ctx, command, arguments...).Output() //nolint:gosec // G204: one of the commands above
	if err != nil {
		return unknown
	}
	return strings.TrimSpace(string(text))
}

// loadAverage is that of the last minute.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return unknown
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
