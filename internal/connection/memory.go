// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"k8s.io/apimachinery/pkg/api/resource"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// DefaultAnswerMemory bounds the memory that the answers of all appliances and servers take together, in bytes.
const DefaultAnswerMemory = 192 << 20

// maxResponseField is the field to change if an answer is too large.
const maxResponseField = "spec.limits.maxResponseSize of the connection"

func maxSPSResponse(c *pamv1alpha1.SPSConnection) int64 {
	if l := c.Spec.Limits; l != nil {
		return bytesOr(l.MaxResponseSize, sps.DefaultMaxAnswer)
	}
	return sps.DefaultMaxAnswer
}

func maxNPSResponse(c *pamv1alpha1.NPSConnection) int64 {
	if l := c.Spec.Limits; l != nil {
		return bytesOr(l.MaxResponseSize, nps.DefaultMaxAnswer)
	}
	return nps.DefaultMaxAnswer
}

func bytesOr(q *resource.Quantity, fallback int64) int64 {
	if q == nil {
		return fallback
	}
	return q.Value()
}
