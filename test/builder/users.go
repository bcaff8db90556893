// SPDX-License-Identifier: Apache-2.0

package builder

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// LeavingUser is a user of namespace team that is on the appliance of the connection pam-system/sps, and whose deletion
// was requested some time ago.
func LeavingUser(ago time.Duration) *pamv1alpha1.LocalUser {
	user := LocalUser("alice", InNamespace("team"), Connection("sps", "pam-system"))
	user.UID, user.Finalizers = "1-2-3", []string{pamv1alpha1.Finalizer}
	user.DeletionTimestamp = &metav1.Time{Time: time.Now().Add(-ago)}
	user.Status.Key, user.Status.Appliance = "k1", "https://sps.example.com"
	user.Status.Origin = pamv1alpha1.OriginCreated
	return user
}
