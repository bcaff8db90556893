// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// wakeBuffer is more than the number of connections. An event that does not fit is made up for by the next periodic
// check of the connection.
const wakeBuffer = 1024

// notifySession returns a function that wakes the controller of an ActivitySession after its session has changed.
func notifySession(sessions chan<- event.GenericEvent) func(context.Context, types.NamespacedName) {
	return func(ctx context.Context, name types.NamespacedName) {
		s := &pamv1alpha1.ActivitySession{}
		s.Namespace, s.Name = name.Namespace, name.Name
		select {
		case sessions <- event.GenericEvent{Object: s}:
		case <-ctx.Done():
		}
	}
}

// notifyAppliance returns a function that wakes an SPSConnection after something happened on its appliance.
func notifyAppliance(activity chan<- event.GenericEvent) func(types.NamespacedName) {
	return func(name types.NamespacedName) {
		c := &pamv1alpha1.SPSConnection{}
		c.Namespace, c.Name = name.Namespace, name.Name
		send(activity, c)
	}
}

// notifyServer returns a function that wakes an NPSConnection.
func notifyServer(servers chan<- event.GenericEvent) func(types.NamespacedName) {
	return func(name types.NamespacedName) {
		c := &pamv1alpha1.NPSConnection{}
		c.Namespace, c.Name = name.Namespace, name.Name
		send(servers, c)
	}
}

// send never blocks: if the channel is full, it drops the event.
func send(to chan<- event.GenericEvent, obj client.Object) {
	select {
	case to <- event.GenericEvent{Object: obj}:
	default:
	}
}
