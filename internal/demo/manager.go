// SPDX-License-Identifier: Apache-2.0

package demo

import "context"

// startManager starts bin/manager as config/manager does, but for what only a Pod needs. It serves no metrics and no
// probes, since their ports could be taken on this machine.
func (d *demo) startManager(ctx context.Context) error {
	binary, err := d.command("manager")
	if err != nil {
		return err
	}
	log := d.path("manager.log")
	d.manager, err = startProcess(ctx, log, nil, binary,
		"--kubeconfig="+d.path(managerKubeconfig),
		"--leader-elect", "--leader-election-namespace="+d.namespace,
		"--metrics-bind-address=0", "--health-probe-bind-address=0",
		"--zap-encoder=console", "--zap-time-encoding=rfc3339")
	if err != nil {
		return err
	}
	d.screen.detail("its log is %s", log)
	return nil
}
