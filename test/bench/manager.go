// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/procfs"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/process"
)

// memoryLimit is the limit of the Deployment in config/manager.
const memoryLimit = "536870912"

// manager is a running bin/manager.
type manager struct {
	process *process.Process
	metrics string // URL
}

// startManager starts the manager as config/manager does, with its metrics over plain HTTP, and waits until it has
// connected.
func (d *bed) startManager(ctx context.Context, connections ...client.Object) error {
	address, err := freeAddress(ctx)
	if err != nil {
		return err
	}
	if err := d.launch(ctx, "--metrics-bind-address="+address, "--metrics-secure=false"); err != nil {
		return err
	}
	d.manager.metrics = "http://" + address + "/metrics"
	return d.connected(ctx, connections...)
}

// begin creates connections, and starts the manager.
func (d *bed) begin(ctx context.Context, connections ...client.Object) error {
	if err := d.create(ctx, connections...); err != nil {
		return err
	}
	return d.startManager(ctx, connections...)
}

func (d *bed) launch(ctx context.Context, flags ...string) error {
	binary, err := filepath.Abs(filepath.Join(d.root, d.bin))
	if err != nil {
		return err
	}
	user, groups := d.installed.User()
	_, kubeconfig, err := d.plane.AddUser(user, groups...)
	if err != nil {
		return err
	}
	file := d.path("manager.kubeconfig")
	if err := os.WriteFile(file, kubeconfig, 0o600); err != nil { //nolint:gosec // G703: in a folder of our own
		return err
	}
	command := append([]string{"env", "MEMORY_LIMIT=" + memoryLimit, binary}, d.installed.Arguments(file)...)
	command = append(command, "--min-poll-interval=10ms", "--max-requests-per-second=1000")
	m := &manager{}
	m.process, err = process.Start(ctx, d.path("manager.log"), nil, append(command, flags...)...)
	if err != nil {
		return err
	}
	d.manager = m
	d.atEnd(m.process.Stop)
	return nil
}

// connected waits until connections are ready.
func (d *bed) connected(ctx context.Context, connections ...client.Object) error {
	for _, c := range connections {
		if _, err := d.await(ctx, c, pamv1alpha1.ReasonSynced); err != nil {
			return err
		}
	}
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

// memory returns the manager's resident memory and its peak, in bytes.
func (m *manager) memory() (resident, peak float64, err error) {
	if err := m.ended(); err != nil {
		return 0, 0, err
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return 0, 0, err
	}
	for _, p := range all {
		stat, err := p.Stat()
		if err != nil || stat.PPID != m.process.Guard() || stat.Comm != "manager" {
			continue
		}
		status, err := p.NewStatus()
		return float64(status.VmRSS), float64(status.VmHWM), err
	}
	return 0, 0, errors.New("the manager's process is not in /proc")
}

// pass lets time pass; the time is the measurement, not a wait for something.
func (d *bed) pass(ctx context.Context, span time.Duration) error {
	timer := time.NewTimer(span)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.manager.process.Done():
		return d.manager.process.Failure()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled waits until a controller has nothing to do and has reconciled n objects.
func (d *bed) settled(ctx context.Context, controller string, n int) error {
	const interval = 100 * time.Millisecond
	return wait.PollUntilContextTimeout(ctx, interval, patience, true, func(ctx context.Context) (bool, error) {
		if err := d.manager.ended(); err != nil {
			return false, err
		}
		passes, err := d.manager.metric(ctx, "pam_passes_total", controller)
		if err != nil {
			return false, nil //nolint:nilerr // it is not serving yet
		}
		queued, err := d.manager.metric(ctx, "workqueue_depth", controller)
		if err != nil {
			return false, err
		}
		active, err := d.manager.metric(ctx, "pam_passes", controller)
		return passes >= float64(n) && queued+active == 0, err
	})
}

// metric adds up the series of a metric whose labels have the controller's name.
func (m *manager) metric(ctx context.Context, name, controller string) (float64, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, m.metrics, nil)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	total, lines := 0.0, bufio.NewScanner(response.Body)
	for lines.Scan() {
		series, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(series, name+"{") || !strings.Contains(series, `="`+controller+`"`) {
			continue
		}
		x, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", name, err)
		}
		total += x
	}
	return total, lines.Err()
}
