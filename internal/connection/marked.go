// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// Unmarked says why an object of a kind may not read a Secret that it refers to, and what to do about it; empty if it
// may.
//
// Whoever writes a reference need not have the right to read what it names, and what is read goes to a host that is
// written beside it. So the owner of a Secret says that it is meant for this: by its type, or by a label that names the
// kind, where the type is taken by something else, such as kubernetes.io/tls.
func Unmarked(secret *corev1.Secret, kind string) string {
	wanted := corev1.SecretType(pamv1alpha1.SecretTypeCredentials)
	if kind == "LocalUser" {
		wanted = pamv1alpha1.SecretTypePassword
	}
	if secret.Type == wanted || secret.Labels[pamv1alpha1.LabelReadBy] == kind {
		return ""
	}
	return fmt.Sprintf("Secret %s/%s is not marked for it, so it is not read: give it the label %s=%s, or make it anew "+
		"with the type %s", secret.Namespace, secret.Name, pamv1alpha1.LabelReadBy, kind, wanted)
}
