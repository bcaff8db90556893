// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

func vitalsOf(d loop.Deps, cache client.Reader) loop.Vitals {
	return loop.Vitals{
		Unlisted: d.Unlisted,
		Touch: func(ctx context.Context) {
			d.Pool.Touch()
			// Only whether the cache answers matters, not what, so it need not be synced.
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			_ = cache.List(ctx, &pamv1alpha1.SPSConnectionList{}, client.Limit(1))
		},
	}
}
