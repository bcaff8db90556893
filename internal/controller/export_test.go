// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"

	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// ReasonsOf are the reasons that an error gives a connection, and an object whose own call it met.
func ReasonsOf(err error) (connection, object string) {
	return ofOwner(&pamv1alpha1.SPSConnection{}, err).reason, outcomeOf(err).reason
}

// SaveStatus ends a pass that found everything as it should be, for tests of what the API server makes of a status.
func SaveStatus(ctx context.Context, c client.Client, before, obj client.Object) (ctrl.Result, error) {
	w := statusWriter{client: c, live: c, events: events.NewFakeRecorder(100)}
	was, ok1 := before.(object)
	is, ok2 := obj.(object)
	if !ok1 || !ok2 {
		panic("not one of our kinds")
	}
	return w.save(ctx, was, is, done(pamv1alpha1.ReasonSynced, "as it should be"))
}
