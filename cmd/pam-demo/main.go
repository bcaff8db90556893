// SPDX-License-Identifier: Apache-2.0

// Command pam-demo shows the operator on one machine: a real control plane, simulated appliances, the real manager, and
// config/samples. Run it from the root of the repository, preferably by `make demo`, which builds what it needs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/pam-operator/pam-operator/internal/demo"
)

func main() {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) // the screen belongs to the demo
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	o, err := parse(os.Args[1:], os.Stderr)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err == nil {
		o.Out, o.Color = os.Stdout, demo.Colorful(os.Stdout)
		err = demo.Run(ctx, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "pam-demo:", err)
		stop()
		os.Exit(1)
	}
}

func parse(args []string, stderr io.Writer) (demo.Options, error) {
	var o demo.Options
	flags := flag.NewFlagSet("pam-demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.BoolVar(&o.Once, "once", false, "exit once everything is ready, with status 0; with another status on failure")
	flags.DurationVar(&o.Timeout, "timeout", 2*time.Minute, "how long to wait for the samples to become ready")
	flags.StringVar(&o.Bin, "bin", "bin", "folder with manager, pam-simulator and k8s/")
	flags.BoolVar(&o.Namespaced, "namespaced", false,
		"give the manager Roles in the namespaces of the samples, and no cluster-wide permissions")
	flags.BoolVar(&o.Keep, "keep", false, "keep the folder with logs and kubeconfig at the end")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	return o, nil
}
