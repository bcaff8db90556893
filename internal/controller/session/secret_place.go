// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// This file is about the place of the connection Secret: a session that nobody could use is not requested, and no
// approver is asked for it.

// hasPlace is an error unless the Secret can be created once the session is active, as far as the API server can tell
// now. It creates nothing.
func (k *secretKeeper) hasPlace(ctx context.Context, s *pamv1alpha1.ActivitySession) error {
	probe := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.SecretName()}}
	if err := k.setMetadata(probe, s); err != nil {
		return err
	}
	err := k.Client.Create(ctx, probe, client.DryRunAll)
	switch {
	case apierrors.IsAlreadyExists(err):
		_, _, err = k.read(ctx, s)
		return err
	case err != nil && refusesWrite(err):
		return &loop.Problem{
			Reason: pamv1alpha1.ReasonRejected, Stall: true, After: untidyRetry,
			Message: fmt.Sprintf("the API server refuses to write Secret %s, so the session is not requested: %v",
				client.ObjectKeyFromObject(probe), err),
		}
	}
	return err
}

// taken is the error of a Secret that has the name of the session's and belongs to another owner.
func taken(s *pamv1alpha1.ActivitySession, secret *corev1.Secret) error {
	consequence := "the session is not requested"
	if s.Status.SessionID != "" {
		consequence = "the session is active, but has no Secret"
	}
	problem := &loop.Problem{Reason: pamv1alpha1.ReasonConflict, Stall: true, After: loop.StalledRecheck}
	problem.Message = fmt.Sprintf("%s: Secret %s belongs to another owner and is not touched: delete it, or create "+
		"another ActivitySession with another connectionSecret.name", consequence, client.ObjectKeyFromObject(secret))
	if !secret.DeletionTimestamp.IsZero() {
		problem.Stall, problem.After = false, untidyRetry
		problem.Message = fmt.Sprintf("%s: Secret %s belongs to another owner and is being deleted; waiting until it is gone",
			consequence, client.ObjectKeyFromObject(secret))
	}
	return problem
}
