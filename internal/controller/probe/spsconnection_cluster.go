// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// warnOfManagedHost warns about an appliance whose configuration is overwritten by a Central Management node, in a
// condition and in the returned text for the message of Ready. The appliance is not refused: one of its plugins may
// preserve a part of what is written there (docs/vendors/sps.md 9).
func warnOfManagedHost(conn *pamv1alpha1.SPSConnection, roles []string) (warning string) {
	if !isManagedHost(roles) {
		meta.RemoveStatusCondition(&conn.Status.Conditions, pamv1alpha1.ConditionManagedHost)
		return ""
	}
	const message = "this appliance is a Managed Host: its Central Management node overwrites what is written here, so " +
		"spec.url has to lead to that node"
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionManagedHost, Status: metav1.ConditionTrue, ObservedGeneration: conn.Generation,
		Reason: pamv1alpha1.ReasonConfigurationOverwritten, Message: message,
	})
	return "; but " + message
}

// isManagedHost looks for the role among those of a node. Its spelling is not documented, so only the letters count.
func isManagedHost(roles []string) bool {
	for _, role := range roles {
		letters := strings.Map(func(r rune) rune {
			if !unicode.IsLetter(r) {
				return -1
			}
			return unicode.ToLower(r)
		}, role)
		if letters == "managedhost" {
			return true
		}
	}
	return false
}
