// SPDX-License-Identifier: Apache-2.0

package probe

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// ReasonsOf returns the reasons that an error leads to for a connection, and for an object whose own call failed with
// it.
func ReasonsOf(err error) (connection, object string) {
	return ofOwner(&pamv1alpha1.SPSConnection{}, err).Reason, loop.OutcomeOf(err).Reason
}
