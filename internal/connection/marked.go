// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Unmarked says why an object of a kind may not read a Secret that it refers to, and how to fix that; empty if it may.
//
// The author of a reference need not have the right to read the Secret, and its content is sent to a host that the
// author also chooses. So the owner of the Secret marks it for this use: by its type, or, if the type is needed for
// something else such as kubernetes.io/tls, by a label that names the kind.
func Unmarked(secret *corev1.Secret, kind string) string {
	wanted := corev1.SecretType(pamv1alpha1.SecretTypeCredentials)
	if kind == "LocalUser" {
		wanted = pamv1alpha1.SecretTypePassword
	}
	if secret.Type == wanted || secret.Labels[pamv1alpha1.LabelReadBy] == kind {
		return ""
	}
	return fmt.Sprintf("Secret %s/%s is not marked for this use, so it is not read: label it %s=%s, or recreate it "+
		"with the type %s", secret.Namespace, secret.Name, pamv1alpha1.LabelReadBy, kind, wanted)
}
