// SPDX-License-Identifier: Apache-2.0

package overview_test

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/overview"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestAWaitOutlivesAStatusFromBeforeAResume has a policy whose status says that it is suspended, and what its spec and
// its connection's say by now.
func TestAWaitOutlivesAStatusFromBeforeAResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		policy, connection []builder.Option
		unreadable         bool
		hopeless           bool
	}{
		"both resumed":                   {hopeless: false},
		"the policy is suspended":        {policy: []builder.Option{builder.Suspended()}, hopeless: true},
		"the connection is":              {connection: []builder.Option{builder.Suspended()}, hopeless: true},
		"the connection may not be read": {unreadable: true, hopeless: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := []builder.Option{builder.InNamespace("pam-system")}
			objects := []kinds.Object{object(
				builder.RDPConnectionPolicy("rdp-demo", append(append(in, builder.Connection("sps-prod", "")), c.policy...)...),
				time.Second, metav1.ConditionFalse, pamv1alpha1.ReasonSuspended, "the connection is suspended")}
			if !c.unreadable {
				objects = append(objects, object(builder.SPSConnection("sps-prod", append(in, c.connection...)...),
					time.Second, metav1.ConditionTrue, pamv1alpha1.ReasonSynced, ""))
			}
			if got := overview.New(objects, nil, noon).Hopeless(); got != c.hopeless {
				t.Errorf("hopeless: %t, want %t", got, c.hopeless)
			}
		})
	}
}
