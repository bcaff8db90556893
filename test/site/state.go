// SPDX-License-Identifier: Apache-2.0

package site

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Ready is the status of Ready and its reason, such as "True Synced"; "none" before the first reconcile.
func Ready(o client.Object) string {
	ready := condition(o)
	if ready == nil {
		return "none"
	}
	return string(ready.Status) + " " + ready.Reason
}

func condition(o client.Object) *metav1.Condition {
	of, ok := o.(interface {
		GetStatus() pamv1alpha1.ObjectStatus
	})
	if !ok {
		return nil
	}
	return meta.FindStatusCondition(*of.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
}
