// SPDX-License-Identifier: Apache-2.0

package controller

import (
	"strings"
	"unicode"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// warnOfManagedHost warns about an appliance whose configuration a Central Management node overwrites, in a condition
// and in what it returns for the message of Ready. It is not refused: a plugin of the appliance may keep a part of what
// is written there (sps-family contract 6).
func warnOfManagedHost(conn *pamv1alpha1.SPSConnection, roles []string) (warning string) {
	if !isManagedHost(roles) {
		meta.RemoveStatusCondition(&conn.Status.Conditions, pamv1alpha1.ConditionManagedHost)
		return ""
	}
	const message = "this appliance is a Managed Host: its Central Management node overwrites what is written here, so " +
		"spec.url has to lead to that node"
	meta.SetStatusCondition(&conn.Status.Conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionManagedHost, Status: metav1.ConditionTrue, ObservedGeneration: conn.Generation,
		Reason: "ConfigurationOverwritten", Message: message,
	})
	return "; but " + message
}

// isManagedHost looks for the role among those of a node. No document shows how it is spelled there, so only its
// letters count.
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
