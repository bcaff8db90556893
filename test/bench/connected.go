// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/util/wait"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// startReady starts the manager and waits until it has connected to the appliance.
func (d *bed) startReady(ctx context.Context) error {
	if err := d.startManager(ctx); err != nil {
		return err
	}
	return d.connected(ctx, builder.SPSConnection(builder.DefaultSPSConnection, builder.InNamespace(namespace)))
}

// connection is a kind of connection.
type connection interface {
	client.Object
	GetStatus() pamv1alpha1.ObjectStatus
}

// connected waits until a connection is ready.
func (d *bed) connected(ctx context.Context, c connection) error {
	last := ""
	err := wait.PollUntilContextTimeout(ctx, pollInterval, d.patience, true, func(ctx context.Context) (bool, error) {
		if err := d.manager.ended(); err != nil {
			return false, err
		}
		if err := d.client.Get(ctx, client.ObjectKeyFromObject(c), c); err != nil {
			return false, err
		}
		conditions := *c.GetStatus().ObjectConditions()
		if ready := meta.FindStatusCondition(conditions, pamv1alpha1.ConditionReady); ready != nil {
			last = ready.Reason + ": " + ready.Message
		}
		return meta.IsStatusConditionTrue(conditions, pamv1alpha1.ConditionReady), nil
	})
	if err != nil {
		return fmt.Errorf("the manager did not connect (%s): %w", last, err)
	}
	d.say("the manager is running and has connected")
	return nil
}
