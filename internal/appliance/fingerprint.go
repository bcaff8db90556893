// SPDX-License-Identifier: Apache-2.0

package appliance

import "context"

// Fingerprint is what an appliance shows about itself at one moment: its identity and its configuration.
type Fingerprint struct{ Self, Configuration string }

// Fingerprint reads the appliance's fingerprint.
func (a *Appliance) Fingerprint(ctx context.Context) (Fingerprint, error) {
	info, err := a.client.Info(ctx)
	return Fingerprint{Self: info.Self, Configuration: configurationOf(info)}, err
}
