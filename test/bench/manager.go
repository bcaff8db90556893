// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/pam-operator/pam-operator/internal/process"
)

// manager is a running bin/manager.
type manager struct {
	process *process.Process
	metrics string // URL
}

// memoryLimit is what the Deployment sets.
const memoryLimit = "MEMORY_LIMIT=536870912"

// startManager starts bin/manager as config/manager does, without what only a Pod needs, and with its metrics over
// plain HTTP, which show when it is idle. It ends with the scenario at the latest.
func (d *bed) startManager(ctx context.Context) error {
	binary, err := filepath.Abs(filepath.Join(d.bin, "manager"))
	if err != nil {
		return err
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: run `make build` first", err)
	}
	user, groups := d.installed.User()
	_, kubeconfig, err := d.plane.AddUser(user, groups...)
	if err != nil {
		return err
	}
	file := d.path("manager.kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil {
		return err
	}
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	m := &manager{metrics: "http://" + address + "/metrics"}
	command := append([]string{"env", memoryLimit, binary}, d.installed.Arguments(file)...)
	command = append(command, "--metrics-bind-address="+address, "--metrics-secure=false",
		"--min-poll-interval=10ms", "--max-requests-per-second=1000") // the bed reports what it measures
	m.process, err = process.Start(ctx, d.path("manager.log"), nil, command...)
	if err != nil {
		return err
	}
	d.manager = m
	d.atEnd(m.process.Stop)
	return nil
}

// freeAddress finds a free port. Another process could take it before the manager does, which would show at once.
func freeAddress(ctx context.Context) (string, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// ended returns why the manager has ended; nil while it runs.
func (m *manager) ended() error {
	select {
	case <-m.process.Done():
		return m.process.Failure()
	default:
		return nil
	}
}
