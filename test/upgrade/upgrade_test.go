// SPDX-License-Identifier: Apache-2.0

// Package upgrade replaces a manager by another version in the middle of its work, with its definitions and rights, and
// back again: nothing is written twice, nothing is lost, and no session is requested again.
package upgrade

import (
	"testing"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/site"
)

// TestAnUpgradeAndTheWayBack upgrades from the last release to this tree, and rolls back.
func TestAnUpgradeAndTheWayBack(t *testing.T) {
	t.Parallel()
	c := site.NewCluster(t, controlplane.Options{ControllerManager: true})
	current := currentRelease(t, c)
	previous := previousRelease(t, current)
	s := newWork(t, c)
	s.start(previous)
	s.begin()
	for _, to := range []release{current, previous} {
		t.Log("from", s.running.name, "to", to.name)
		s.replace(to)
	}
	s.manager.Stop()
	s.expectNothingOpen()
}
