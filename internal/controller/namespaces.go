// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/event"

	"github.com/pam-operator/pam-operator/internal/connection"
)

// addNamespaces chooses how namespaces are read, and adds what does it to the manager. Both results are nil where an
// informer does, which needs the right to list namespaces in the whole cluster.
func addNamespaces(mgr ctrl.Manager, options Options) (connection.Namespaces, *broadcast, error) {
	relabelled := &broadcast{}
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
			relabelled.send(ctx, event.GenericEvent{Object: namespace})
		})
	return live, relabelled, mgr.Add(live)
}
