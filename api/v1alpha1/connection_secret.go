// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
)

// KeyExpiresAt is the key of a connection Secret that changes while its connection data stays.
const KeyExpiresAt = "expires-at"

// ConnectionSecretDigest is the digest of a connection Secret that the status of its session records. The salt is in
// the Secret, so that nothing about the data can be found out from a status.
func ConnectionSecretDigest(secret *corev1.Secret) string {
	sum := hmac.New(sha256.New, []byte(secret.Annotations[AnnotationSalt]))
	for _, key := range slices.Sorted(maps.Keys(secret.Data)) {
		if key != KeyExpiresAt {
			fmt.Fprintf(sum, "%d %s %d ", len(key), key, len(secret.Data[key]))
			sum.Write(secret.Data[key])
		}
	}
	return "sha256:" + hex.EncodeToString(sum.Sum(nil))
}
