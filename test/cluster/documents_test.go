// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/pam-operator/pam-operator/test/builder"
)

// TestTheLastResort follows docs/uninstall.md where the manager is gone for good and an object does not go: a cluster
// administrator removes the finalizer, and what the object managed stays on the appliance.
func TestTheLastResort(t *testing.T) {
	s := newScenario(t)
	s.must(s.cluster.apply(t.Context(), builder.Namespace(systemNamespace)))
	s.must(s.applyConnections(t.Context(), systemNamespace))
	policy := s.policy("rdp-finance")
	policy.Namespace = systemNamespace
	s.must(s.cluster.apply(t.Context(), policy))
	s.shell("kubectl wait rdpcp/rdp-finance -n pam-system --for=condition=Ready --timeout=3m")
	s.uninstallRelease()
	s.must(s.client.Delete(t.Context(), policy))
	s.must(s.get(t.Context(), policy))
	s.step("uninstalled; the deleted policy %s waits for a manager", policy.Name)
	for _, b := range s.section("uninstall.md", "The manager is gone, and objects do not go") {
		s.follow(b)
	}
	s.eventually(func(g Gomega) { g.Expect(apierrors.IsNotFound(s.get(t.Context(), policy))).To(BeTrue()) })
	s.expectPolicies(policy.Name)
	s.step("its finalizer is removed: the object is gone, the policy is on the appliance")

	_, err := s.install(t.Context()) // for the connections, and for the next scenario
	s.must(err)
	s.shell("kubectl delete spsc,npsc --all -n pam-system && kubectl delete namespace pam-system")
}

// TestAnInstallationWithoutClusterWidePermissions follows the section of docs/install.md, as the cluster administrator
// and as the administrator of three namespaces, and uses the operator in them.
func TestAnInstallationWithoutClusterWidePermissions(t *testing.T) {
	s := newEmptyScenario(t)
	s.touched = true
	restricted := builder.Label(enforce, "restricted")
	for _, name := range []string{operatorNamespace, systemNamespace, teamNamespace, applianceNamespace} {
		s.must(s.cluster.apply(t.Context(), builder.Namespace(name, restricted)))
	}
	for _, b := range s.section("install.md", "Without cluster-wide permissions") {
		s.follow(b)
	}
	s.must(s.rolledOut(t.Context(), operatorNamespace, managerName))
	want := []string{
		"ClusterRole pam-operator-manager-identity", // by which the policies know the manager; it grants nothing else
		"Role pam-operator-leader-election-role", "Role pam-operator-manager-role", "Role pam-operator-manager-role",
		"Role pam-operator-records-role",
	}
	if diff := cmp.Diff(want, s.boundRoles()); diff != "" {
		t.Errorf("bound to %s: -want +got\n%s", managerName, diff)
	}
	s.step("both replicas are ready; bound: %s", strings.Join(want, ", "))

	s.must(s.startSimulator(t.Context(), systemNamespace))
	policy := s.policy("namespaced")
	policy.Namespace = systemNamespace
	session := s.aSession("namespaced")
	session.Namespace, session.Spec.ConnectionRef.Namespace = teamNamespace, systemNamespace
	s.must(s.cluster.apply(t.Context(), policy, session))
	s.shell("kubectl wait rdpcp/namespaced -n pam-system --for=condition=Ready --timeout=3m")
	s.shell("kubectl wait as/namespaced -n payments --for=condition=Active --timeout=3m")
	s.expectPolicies(policy.Name)
	s.step("a policy is Synced and a session Active")
	s.expectNoRefusal(t)

	for _, title := range []string{
		"To remove everything", "What was applied for an installation without cluster-wide permissions",
	} {
		for _, b := range s.section("uninstall.md", title) {
			s.follow(b)
		}
	}
	s.must(s.removeNamespaces(t.Context()))
	s.step("nothing is left in the cluster")
}

// TestCRDsOfAnotherInstallationAreTakenOver follows the section of docs/install.md about CRDs that are there already:
// for a Helm that has no flag for it, and for one that has.
func TestCRDsOfAnotherInstallationAreTakenOver(t *testing.T) {
	s := newEmptyScenario(t)
	s.touched = true
	takeOver := s.section("install.md", "`invalid ownership metadata`")
	if len(takeOver) != 2 {
		t.Fatalf("docs/install.md has %d ways, want 2", len(takeOver))
	}
	s.shell("kubectl apply --server-side -k config/crd")
	s.expectRefused("CRDs of kustomize")
	s.follow(takeOver[1])
	_, err := s.install(t.Context())
	s.must(err)
	s.step("installed over CRDs of kustomize, which were labelled and annotated before")
	s.must(s.ensureRemoved(t.Context()))

	s.touched = true
	s.shell("helm install another charts/pam-operator --namespace pam-operator-system --create-namespace")
	s.shell("helm uninstall another --namespace pam-operator-system")
	s.shell("kubectl label --overwrite $(kubectl get crd -o name | grep 'pam-operator[.]io$') " +
		"app.kubernetes.io/version=0.0.1") // as an older version of the CRDs, written by kubectl, has it
	s.expectRefused("CRDs of another release")
	s.follow(takeOver[0])
	s.must(s.rolledOut(t.Context(), operatorNamespace, managerName))
	s.step("installed over CRDs of another release, with --take-ownership --force-conflicts")
}

// expectRefused installs over CRDs that Helm does not take over by itself.
func (s *scenario) expectRefused(what string) {
	s.Helper()
	_, err := s.install(s.Context())
	if err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
		s.Errorf("%s: %v", what, err)
	}
	s.step("%s are refused: invalid ownership metadata", what)
}
