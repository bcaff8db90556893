// SPDX-License-Identifier: Apache-2.0

package loop

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
	"github.com/pam-operator/pam-operator/internal/rest"
)

// refusesStatus reports whether the API server refuses the content of a status, now and later.
func refusesStatus(err error) bool {
	return apierrors.IsInvalid(err) || apierrors.IsBadRequest(err) || apierrors.IsRequestEntityTooLargeError(err)
}

// saveConditionsOnly writes only the conditions of a status that was refused: otherwise the previous status, and Ready
// in it, would remain although it is no longer true.
func (w StatusWriter) saveConditionsOnly(ctx context.Context, before Object, refusal error) (ctrl.Result, error) {
	logf.FromContext(ctx).Error(refusal, "the API server refuses the status of an object; this is a bug in the operator")
	out := Stalled(pamv1alpha1.ReasonInternalError, refusedMessage(refusal))
	obj, previous := CopyOf(before), ReadyOf(before)
	obj.GetStatus().Observed(obj.GetGeneration())
	out.Apply(obj.GetStatus().ObjectConditions(), obj.GetGeneration())
	switch err := w.write(ctx, before, obj); {
	case errors.Is(err, ErrStale):
		return ctrl.Result{RequeueAfter: Jitter(ErrStale.After)}, nil
	case err != nil:
		return ctrl.Result{}, client.IgnoreNotFound(fmt.Errorf("write conditions: %w", err))
	}
	w.emitTransition(obj, previous, ReadyOf(obj), false)
	return ctrl.Result{RequeueAfter: Jitter(out.After)}, nil
}

// maxRefusedFields is how many fields a message names.
const maxRefusedFields = 5

// refusedMessage names the fields that were refused. It omits their values, which are what cannot be stored.
func refusedMessage(refusal error) string {
	var fields []string
	if status, ok := errors.AsType[*apierrors.StatusError](refusal); ok && status.ErrStatus.Details != nil {
		for _, cause := range status.ErrStatus.Details.Causes {
			if cause.Field != "" && len(fields) < maxRefusedFields {
				fields = append(fields, fmt.Sprintf("%s (%s)", rest.Shorten(cause.Field, 128), cause.Type))
			}
		}
	}
	what := "what the operator observed cannot be stored"
	if len(fields) > 0 {
		what += ": the API server refuses " + strings.Join(fields, ", ")
	}
	return what + "; the rest of this status is from before. Please report this with the operator's log"
}
