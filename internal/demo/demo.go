// SPDX-License-Identifier: Apache-2.0

// Package demo shows the whole product on one machine: a real control plane, the simulated appliances and the real
// manager, each a process of its own, with the samples of the repository applied to them.
//
// The way through the code is the list in steps: every step has a file. Nothing is left running, however the demo ends.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/process"
)

// Options say what to show.
type Options struct {
	// Root is the folder of the repository, of which config/ is read. Empty means the working directory.
	Root string
	// Bin is the folder of the binaries manager and pam-simulator, and of k8s/kubectl unless KUBEBUILDER_ASSETS names
	// another folder.
	Bin string
	// Namespaced gives the manager Roles in the namespaces of the samples and no right in the whole cluster, as
	// config/namespaced does.
	Namespaced bool
	// Once ends the demo when all samples are ready; otherwise it stays until the context ends.
	Once bool
	// Keep keeps the folder with logs and kubeconfig when the demo ends. So does a failure.
	Keep bool
	// Timeout is how long the samples may take to become ready.
	Timeout time.Duration
	// Out receives what is shown.
	Out io.Writer
	// Color marks good and bad by color; see Colorful.
	Color bool
}

// demo is what the steps work on. A step fills in what the later ones need.
type demo struct {
	Options
	screen *screen
	dir    string

	plane      *controlplane.ControlPlane
	client     client.Client
	simulator  *process.Process
	appliances appliances
	installed  installation.Installation
	account    account
	manager    *process.Process
	samples    samples
	board      *board
	updates    <-chan observation
}

// step is one line of the demo's plan.
type step struct {
	title string
	run   func(*demo, context.Context) error
}

// steps are the demo, in order.
func steps() []step {
	return []step{
		{"starting a Kubernetes control plane: etcd, kube-apiserver, kube-controller-manager", (*demo).startControlPlane},
		{"starting the simulated appliances", (*demo).startSimulator},
		{"applying the manager's service account, its generated roles, and the policies", (*demo).applyRBAC},
		{"reading config/samples, and adapting them to the simulators", (*demo).loadSamples},
		{"creating on the appliance what the samples expect there", (*demo).prepareAppliance},
		{"starting the manager", (*demo).startManager},
		{"applying the samples, server-side", (*demo).applySamples},
		{"waiting until everything is ready", (*demo).awaitReady},
		{"everything is ready; there are no nodes, so the demo plays the kubelet for the Job", (*demo).playKubelet},
		{"the Job is over, and so is its session", (*demo).showResult},
		{"", (*demo).stay},
	}
}

// errInterrupted is returned if ctx ended before everything was ready.
var errInterrupted = errors.New("interrupted")

// Run shows the demo. It returns nil when all samples became ready and, without Once, ctx ended after that.
func Run(ctx context.Context, o Options) error {
	d := &demo{Options: o, screen: newScreen(o.Out, o.Color, time.Now)}
	watching, cancel := context.WithCancel(ctx)
	defer cancel()
	err := d.run(watching)
	if err != nil && ctx.Err() != nil {
		err = errInterrupted // not the error that this caused within a step
	}
	cancel() // before what is watched ends
	return errors.Join(err, d.close(err != nil && !errors.Is(err, errInterrupted)))
}

func (d *demo) run(ctx context.Context) (err error) {
	if d.dir, err = os.MkdirTemp("", "pam-demo-"); err != nil {
		return err
	}
	for _, s := range steps() {
		if s.title != "" {
			d.screen.step(s.title)
		}
		if err := s.run(d, ctx); err != nil {
			return err
		}
	}
	return nil
}

// close ends the processes in the reverse order of their start, so that the manager can still release its lease, and
// its lock on the appliance.
func (d *demo) close(failed bool) error {
	d.screen.step("stopping")
	err := errors.Join(d.manager.Stop(), d.simulator.Stop())
	if d.plane != nil {
		err = errors.Join(err, d.plane.Stop())
	}
	if d.dir == "" {
		return err
	}
	if (failed || d.Keep) && os.Remove(d.dir) != nil { // which it does if the folder is empty
		d.screen.detail("logs and kubeconfig stay in %s", d.dir)
		return err
	}
	return errors.Join(err, os.RemoveAll(d.dir))
}

// path is a place below the demo's own folder.
func (d *demo) path(name string) string { return filepath.Join(d.dir, name) }

// command is one of our binaries.
func (d *demo) command(name string) (string, error) {
	path, err := filepath.Abs(filepath.Join(d.Bin, name))
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("%w: run `make build controlplane` first", err)
	}
	return path, nil
}
