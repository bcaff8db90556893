// SPDX-License-Identifier: Apache-2.0

package loop_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/test/builder"
)

func TestWhatIsMissingIsWaitedForOnlyJustAfterTheSpecWasWritten(t *testing.T) {
	t.Parallel()
	const hour = time.Hour
	missing := loop.Missing("spec.members[0].userRef: LocalUser %s does not exist", "pam/alice")
	for what, c := range map[string]struct {
		created, written time.Duration // ago; no time of a write for 0
		err              error
		state            loop.State
		reason           string
	}{
		"a new object": {time.Second, 0, missing, loop.StateReconciling, pamv1alpha1.ReasonProgressing},
		"a spec that was changed just now": {
			hour, time.Second, missing, loop.StateReconciling, pamv1alpha1.ReasonProgressing,
		},
		"an object that is older": {hour, 0, missing, loop.StateStalled, pamv1alpha1.ReasonReferenceNotFound},
		"a spec that is older": {
			hour, 11 * time.Second, missing, loop.StateStalled, pamv1alpha1.ReasonReferenceNotFound,
		},
		"a clock that is far behind": {-hour, 0, missing, loop.StateStalled, pamv1alpha1.ReasonReferenceNotFound},
		"another problem of a new object": {
			time.Second, 0, loop.MustAct(pamv1alpha1.ReasonReferenceNotFound, "the appliance has no user"),
			loop.StateStalled, pamv1alpha1.ReasonReferenceNotFound,
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			group := builder.LocalUserGroup("a")
			group.CreationTimestamp = metav1.NewTime(time.Now().Add(-c.created))
			if c.written > 0 {
				at := metav1.NewTime(time.Now().Add(-c.written))
				group.ManagedFields = []metav1.ManagedFieldsEntry{{Manager: "git", Time: &at}}
			}
			out := loop.OfUser(group, c.err)
			if out.State != c.state || out.Reason != c.reason {
				t.Errorf("%+v", out)
			}
			if out.State == loop.StateReconciling && (out.After < time.Second || out.After > 10*time.Second) {
				t.Errorf("it is looked at again after %s", out.After)
			}
		})
	}
}
