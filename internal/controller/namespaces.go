// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// addNamespaces chooses how namespaces are read, and adds a reader to the manager if one is needed. Both results are
// nil if an informer reads them, which needs the cluster-wide right to list namespaces.
func addNamespaces(mgr ctrl.Manager, options loop.Options) (connection.Namespaces, *loop.Broadcast, error) {
	relabelled := &loop.Broadcast{}
	switch {
	case options.IgnoreNamespaceLabels:
		return connection.UnreadNamespaces{}, relabelled, nil
	case len(options.Namespaces) == 0:
		return nil, nil, nil
	}
	live := connection.NewLiveNamespaces(mgr.GetAPIReader(), options.Namespaces,
		func(ctx context.Context, name string) {
			namespace := &corev1.Namespace{}
			namespace.Name = name
			relabelled.Send(ctx, event.GenericEvent{Object: namespace})
		})
	return live, relabelled, mgr.Add(live)
}
