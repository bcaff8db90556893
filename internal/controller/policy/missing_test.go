// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/test/builder"
)

// A tool that applies a folder shows what is Stalled as failed, and so does the plugin.
func TestWhatIsAppliedTogetherInAnyOrderIsNotStalled(t *testing.T) {
	t.Parallel()
	cluster := clusterInMemory(t)
	group := builder.LocalUserGroup("g", builder.MemberRefs("alice"))
	policy := builder.RDPConnectionPolicy("p")
	policy.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{AuthorizerRef: &pamv1alpha1.LocalReference{Name: "g"}}}
	user := builder.LocalUser("u", builder.PasswordFrom("alice"))
	termination := builder.SessionTermination("t", "", builder.OfPolicy("p"))
	_, noUser := groupVerbs{client: cluster}.user(t.Context(), group, 0)
	_, noGroup := newConnectionPolicyVerbs(cluster, rdpMapping).authorizers(t.Context(), policy)
	ofTermination := &sessionTerminationReconciler{Deps: loop.Deps{Client: cluster}}
	_, _, noPolicy := ofTermination.wanted(t.Context(), termination)
	for what, c := range map[string]struct {
		obj kinds.Connected
		err error
	}{
		"a group and its LocalUser":       {group, noUser},
		"a policy and its LocalUserGroup": {policy, noGroup},
		"a user and its Secret":           {user, noSecret(user)},
		"a termination and its policy":    {termination, noPolicy},
	} {
		c.obj.SetCreationTimestamp(metav1.Now())
		if out := loop.OfUser(c.obj, c.err); out.State != loop.StateReconciling || out.After == 0 {
			t.Errorf("%s: %+v", what, out)
		}
	}
}
