// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// checkConditions proves what must be true of the conditions of any object, at any time.
func checkConditions(o runtime.Object) error {
	obj, ok := o.(client.Object)
	if !ok {
		return fmt.Errorf("%T is no object", o)
	}
	all := conditions(obj)
	if len(all) == 0 {
		return nil // not looked at yet
	}
	name := fmt.Sprintf("%T %s", obj, client.ObjectKeyFromObject(obj))
	is := func(kind string) bool { return meta.IsStatusConditionTrue(all, kind) }
	ready := meta.FindStatusCondition(all, pamv1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return fmt.Errorf("%s has conditions, but no Ready", name)
	case !slices.Contains(pamv1alpha1.AllReasons(), ready.Reason):
		return fmt.Errorf("%s: reason %s is not in the closed list", name, ready.Reason)
	case ready.ObservedGeneration > obj.GetGeneration():
		return fmt.Errorf("%s: Ready speaks of a generation that does not exist yet", name)
	case ready.Message == "":
		return fmt.Errorf("%s: Ready has no message", name)
	case is(pamv1alpha1.ConditionReconciling) && is(pamv1alpha1.ConditionStalled):
		return fmt.Errorf("%s is both reconciling and stalled", name)
	case ready.Status == metav1.ConditionTrue && is(pamv1alpha1.ConditionStalled):
		return fmt.Errorf("%s is ready and stalled", name)
	}
	for _, c := range all {
		abnormal := slices.Contains([]string{
			pamv1alpha1.ConditionReconciling, pamv1alpha1.ConditionStalled, pamv1alpha1.ConditionDriftDetected,
			pamv1alpha1.ConditionInsecureTLS, pamv1alpha1.ConditionManagedHost,
		}, c.Type)
		if abnormal && c.Status != metav1.ConditionTrue {
			return fmt.Errorf("%s: %s is present and %s", name, c.Type, c.Status)
		}
	}
	return nil
}

// checkEvents proves that what we tell in Events has a reason of the closed list.
func checkEvents(events []corev1.Event) error {
	for _, e := range events {
		ours := e.ReportingController == "pam-operator"
		if ours && !slices.Contains(pamv1alpha1.AllReasons(), e.Reason) {
			return fmt.Errorf("the Event %q has the reason %s, which is not in the closed list", e.Message, e.Reason)
		}
	}
	return nil
}
