// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
)

// showInsecureTLS makes it obvious that a connection does not verify its server.
func showInsecureTLS(conn loop.Object, t *pamv1alpha1.TLSSettings) {
	insecure := t != nil && ptr.Deref(t.InsecureSkipVerify, false)
	setInsecureCondition(conn.GetStatus().ObjectConditions(), conn.GetGeneration(), insecure)
}

// setInsecureCondition shows InsecureTLS while it is true, and only then.
func setInsecureCondition(conditions *[]metav1.Condition, generation int64, insecure bool) {
	if !insecure {
		meta.RemoveStatusCondition(conditions, pamv1alpha1.ConditionInsecureTLS)
		return
	}
	meta.SetStatusCondition(conditions, metav1.Condition{
		Type: pamv1alpha1.ConditionInsecureTLS, Status: metav1.ConditionTrue, ObservedGeneration: generation,
		Reason: pamv1alpha1.ReasonVerificationDisabled,
		Message: "the server's certificate is not verified, so anyone on the network path can read the credentials: " +
			"set tls.caBundleRef and remove insecureSkipVerify",
	})
}
