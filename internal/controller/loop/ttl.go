// SPDX-License-Identifier: Apache-2.0

package loop

// TTLRefused is the message about an object that a GitOps tool owns and that is to be deleted by its TTL.
func TTLRefused(owner string) string {
	return "spec.ttlSecondsAfterFinished: " + owner + " owns this object, and would create it again after it was " +
		"deleted; nothing has been sent. Remove the field there"
}

// TTLIgnored is what the message of a finished object adds if its TTL has no effect.
func TTLIgnored(owner string) string {
	return "; ttlSecondsAfterFinished has no effect, because " + owner + " would create the object again"
}
