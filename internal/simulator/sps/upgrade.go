// SPDX-License-Identifier: Apache-2.0

package sps

import "errors"

// Upgrade changes the appliance's version, in place: stored objects stay and are shown as the new version shows them,
// under the same config_hash. As with every restart, log-in sessions and their transactions end. configure adjusts the
// switches that follow from the version; it may be nil and must not call the appliance.
func (a *Appliance) Upgrade(version string, configure func(*Switches)) {
	next := defaultSwitches(version)
	if configure != nil {
		configure(&next)
	}
	a.SetSwitches(func(s *Switches) { *s = next })
	a.LogOutAll()
}

// upgradeRequest is an Upgrade via the control API.
type upgradeRequest struct {
	Version string `json:"version"`
}

func (a *Appliance) upgradeTo(request upgradeRequest) error {
	if request.Version == "" {
		return errors.New("version: want the version to upgrade to, such as 8.0")
	}
	a.Upgrade(request.Version, nil)
	return nil
}
