// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/changefeed"
)

// Vitals are what a manager's probes look at.
type Vitals struct {
	// Unlisted names the foreign resources that a manager that leads has not listed yet, be it for want of a right.
	Unlisted func() []string
	// Touch goes through what every pass goes through inside the manager, and asks nobody outside. It ends at once,
	// unless the manager hangs.
	Touch func(ctx context.Context)
}

func (d deps) vitals(cache client.Reader) Vitals {
	return Vitals{
		Unlisted: d.unlisted,
		Touch: func(ctx context.Context) {
			d.pool.Touch()
			// The cache is asked only for whether it answers: what it says before it is synced does not matter.
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_ = cache.List(ctx, &pamv1alpha1.SPSConnectionList{}, client.Limit(1))
		},
	}
}

func (f feeds) unlisted() []string {
	var out []string
	for _, feed := range []*changefeed.Feed{f.secrets.Feed, f.configMaps.Feed, f.jobs, f.pods} {
		if !feed.Listed() {
			out = append(out, feed.String())
		}
	}
	return out
}
