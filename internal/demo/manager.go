// SPDX-License-Identifier: Apache-2.0

package demo

import (
	"context"

	"github.com/pam-operator/pam-operator/internal/process"
)

// startManager starts bin/manager as config/manager does, without the flags that only a Pod needs.
func (d *demo) startManager(ctx context.Context) error {
	binary, err := d.command("manager")
	if err != nil {
		return err
	}
	command := append([]string{binary}, d.installed.Arguments(d.path(managerKubeconfig))...)
	d.manager, err = process.Start(ctx, d.path("manager.log"), nil, command...)
	if err != nil {
		return err
	}
	d.screen.detail("its log is %s", d.manager.LogFile)
	return nil
}
