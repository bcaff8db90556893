// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"context"
	"errors"
	"fmt"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	logf "sigs.k8s.io/controller-runtime/pkg/log"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// refusesStatus says that the API server does not accept the content of a status, now or later.
func refusesStatus(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// admit writes nothing but conditions into a status that was refused: what was there before would say for ever what is
// not true any more, Ready among it.
func (w statusWriter) admit(ctx context.Context, before object, refusal error) (ctrl.Result, error) {
	logf.FromContext(ctx).Error(refusal, "the API server refuses the status of an object; this is a fault of the operator")
	out := stalled(pamv1alpha1.ReasonInternalError, refusedMessage(refusal))
	obj, previous := copyOf(before), readyOf(before)
	obj.GetStatus().Observed(obj.GetGeneration())
	out.apply(obj.GetStatus().ObjectConditions(), obj.GetGeneration())
	switch err := w.write(ctx, before, obj); {
	case errors.Is(err, errStale):
		return ctrl.Result{RequeueAfter: jitter(errStale.after)}, nil
	case err != nil:
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("write conditions: %w", err))
	}
	w.tell(obj, previous, readyOf(obj))
	return ctrl.Result{RequeueAfter: jitter(out.after)}, nil
}

// maxRefusedFields is how many fields a message names.
const maxRefusedFields = 5

// refusedMessage names the fields that were refused. Their values are not shown: they are what cannot be stored.
func refusedMessage(refusal error) string {
	var fields []string
	if status, ok := errors.AsType[*apierrors.StatusError](refusal); ok && status.ErrStatus.Details != nil {
		for _, cause := range status.ErrStatus.Details.Causes {
			if cause.Field != "" && len(fields) < maxRefusedFields {
				fields = append(fields, fmt.Sprintf("%s (%s)", shorten(cause.Field, 128), cause.Type))
			}
		}
	}
	what := "what the operator found out cannot be stored"
	if len(fields) > 0 {
		what += ": the API server refuses " + strings.Join(fields, ", ")
	}
	return what + "; the rest of this status is from before. Please report this with the operator's log"
}
