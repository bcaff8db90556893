// SPDX-License-Identifier: Apache-2.0

// Command pam-simulator serves a simulated SPS appliance and a simulated NPS server over HTTPS on loopback, and a plain
// HTTP port with a page that shows both and an API to control them. Use it to try manifests without an appliance, for
// demonstrations and for tests.
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

	"github.com/pam-operator/pam-operator/internal/simulator"
	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
	default:
		fmt.Fprintln(os.Stderr, "pam-simulator:", err)
		stop()
		os.Exit(1)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) error {
	o, err := parse(args, stderr)
	if err != nil {
		return err
	}
	config, err := o.config()
	if err != nil {
		return err
	}
	running, err := simulator.Serve(ctx, config)
	if err != nil {
		return err
	}
	o.announce(stdout, running)
	return running.Wait()
}

// config creates the appliances and decides where to serve them.
func (o *options) config() (simulator.Config, error) {
	ca, err := simulator.NewCA()
	if err != nil {
		return simulator.Config{}, err
	}
	appliance := sps.New(sps.Options{
		Version: o.spsVersion, Users: map[string]string{o.spsUser: o.spsPassword.value}, ClientCAs: ca.Pool(),
		Configure: func(s *sps.Switches) { s.WriteDelay, s.CommitDelay = o.writeDelay, o.commitDelay },
	})
	server := nps.New(nps.Options{
		ProvisioningDelay: o.provisioningDelay, Users: o.npsUsers(),
		Applications: []nps.Application{{Login: o.npsApplication, APIKey: o.npsAPIKey.value}},
	})
	return simulator.Config{
		Dir: o.dir, CA: ca, Names: o.names(), ClientName: o.spsUser, ControlAddress: o.controlAddress,
		Listeners: []simulator.Listener{
			{
				Name: "sps", Address: o.spsAddress, Handler: appliance.Handler(),
				Control: appliance.ControlHandler(), Kind: simulator.SPS,
			},
			{
				Name: "nps", Address: o.npsAddress, Handler: server.Handler(),
				Control: server.ControlHandler(), Kind: simulator.NPS,
			},
		},
	}, nil
}

func (o *options) announce(w io.Writer, r *simulator.Running) {
	_, _ = fmt.Fprintf(w, `SPS       %s  (version %s, user %s)
NPS       %s  (application %s)
page      %s
control   %s  %s
CA        %s/ca.crt, client certificate %s/client.crt and client.key
`, r.URL("sps"), o.spsVersion, o.spsUser, r.URL("nps"), o.npsApplication,
		r.PageURL(), r.ControlURL("sps"), r.ControlURL("nps"), o.dir, o.dir)
}
