// SPDX-License-Identifier: Apache-2.0

//go:build cluster

package cluster

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/test/builder"
)

// TestALifeOfARelease installs the chart, has the leader killed in the middle of its work, upgrades to other values,
// rolls back, uninstalls, installs again, and uninstalls for good, each as the documents say. Whatever happens, no
// policy and no session is lost, written twice or asked for twice.
func TestALifeOfARelease(t *testing.T) {
	s := newEmptyScenario(t)
	s.must(s.ensureInstalled(t.Context(), t.Logf))
	s.logMemory("without objects")
	all := s.killTheLeader()
	s.logMemory("with 50 policies and 5 sessions")
	all = s.upgrade(all)
	s.rollBack(all)
	all = s.reinstall(all)
	s.uninstallForGood(all)
}

// killTheLeader kills the leader's pod while a transaction is open and sessions are being asked for.
func (s *scenario) killTheLeader() load {
	s.Helper()
	s.setCommitDelay(s.Context(), "8s")
	leader, _ := s.managers()
	s.mark()
	all := s.requestLoad("load", 50, 5)
	s.eventually(func(g Gomega) {
		g.Expect(s.openTransactions(g)).To(Equal(1))
		var stats struct{ Creates int }
		g.Expect(s.simulator.request(s.Context(), http.MethodGet, "/nps/stats", nil, &stats)).To(Succeed())
		g.Expect(stats.Creates).To(BeNumerically(">", 0))
	})
	s.step("50 policies and 5 sessions are applied, a transaction is open; %s is killed", leader)
	s.killManager(leader)
	s.setCommitDelay(s.Context(), commitDelay)
	s.awaitLeader(leader)
	s.awaitLoad(all)
	s.step("all policies are Synced and all sessions Active, with their Secrets")
	s.observe(all)
	s.eventually(func(g Gomega) { g.Expect(s.openTransactions(g)).To(BeZero()) })
	return all
}

// upgrade follows docs/upgrade.md with other values, while more is asked for.
func (s *scenario) upgrade(all load) load {
	s.Helper()
	s.managers()
	before := s.observe(all)
	values := s.otherValues()
	s.mark()
	block := s.section("upgrade.md", "With Helm")[0]
	s.shell(strings.TrimSpace(block.Script(nil)) + " --values " + values)
	more := s.requestLoad("during", 5, 1)
	s.must(s.rolledOut(s.Context(), operatorNamespace, managerName))
	s.step("the upgrade is rolled out, with 5 more policies and 1 more session in the middle of it")
	all = all.with(more)
	s.awaitLoad(all)
	s.step("they are Synced and Active")
	s.expectKept(before, s.observe(all))
	s.eventually(func(g Gomega) { g.Expect(s.readyManagers(g)).To(HaveLen(3)) })

	roots := builder.SPSConnection("roots", builder.InNamespace(platformNamespace), builder.URL(simulatorURL(spsPort)))
	s.must(s.cluster.apply(s.Context(), roots))
	s.shell("kubectl wait spsc/roots -n " + platformNamespace + " --for=condition=Ready --timeout=3m")
	s.step("three replicas run; a connection without a caBundleRef is verified by trust.configMap")
	s.must(s.client.Delete(s.Context(), roots))
	s.eventually(func(g Gomega) { g.Expect(apierrors.IsNotFound(s.get(s.Context(), roots))).To(BeTrue()) })
	return all
}

// otherValues writes a file of values: another number of replicas, CA certificates for all connections, and a
// NetworkPolicy, which counts on clusters whose network plugin knows policies.
func (s *scenario) otherValues() string {
	s.Helper()
	s.must(s.cluster.apply(s.Context(), s.caConfigMap(operatorNamespace)))
	service := func(namespace, name string) []any {
		out := s.shell("kubectl get service -n " + namespace + " " + name + " -o jsonpath='{.spec.clusterIP}'; echo; " +
			"kubectl get endpointslices -n " + namespace + " -l kubernetes.io/service-name=" + name +
			" -o jsonpath='{.items[*].endpoints[*].addresses[*]}'")
		var addresses []any
		for _, address := range strings.Fields(out) {
			addresses = append(addresses, address+"/32")
		}
		return addresses
	}
	var apiServer, appliances []any
	for _, cidr := range service("default", "kubernetes") {
		apiServer = append(apiServer, map[string]any{"ipBlock": map[string]any{"cidr": cidr}})
	}
	for _, cidr := range service(applianceNamespace, simulatorName) {
		appliances = append(appliances, map[string]any{"cidr": cidr, "ports": []int{spsPort, npsPort}})
	}
	content, err := yaml.Marshal(map[string]any{
		"replicas": 3, "log": map[string]any{"level": "debug"}, "trust": map[string]any{"configMap": "ca"},
		"networkPolicy": map[string]any{
			"enabled": true, "apiServer": map[string]any{"peers": apiServer}, "appliances": appliances,
		},
	})
	s.must(err)
	file := filepath.Join(s.TempDir(), "values.yaml")
	s.must(os.WriteFile(file, content, 0o600))
	return file
}

// rollBack goes back to the values before the upgrade.
func (s *scenario) rollBack(all load) {
	s.Helper()
	before, writes := s.observe(all), s.writes()
	s.mark()
	s.shell("helm rollback pam-operator --namespace " + operatorNamespace)
	s.must(s.rolledOut(s.Context(), operatorNamespace, managerName))
	s.managers()
	s.step("rolled back to two replicas")
	s.expectKept(before, s.observe(all))
	if now := s.writes(); now != writes {
		s.Errorf("%d objects were written on the appliance by an upgrade and a roll-back that change nothing", now-writes)
	}
}

// reinstall uninstalls while everything is in use, deletes an object that only a manager can delete, and installs
// again.
func (s *scenario) reinstall(all load) load {
	s.Helper()
	before, writes := s.observe(all), s.writes()
	s.mark()
	s.uninstallRelease()
	s.expectKept(before, s.observe(all))
	deleted := s.policy(all.policies[0])
	s.must(s.client.Delete(s.Context(), deleted))
	s.step("uninstalled: no manager, and everything else is as it was; policy %s is deleted", deleted.Name)
	s.must(s.get(s.Context(), deleted)) // it waits for a manager

	took, err := s.install(s.Context())
	s.must(err)
	s.step("installed again within %.2f s", took.Seconds())
	more := s.requestLoad("again", 1, 1)
	all = load{policies: all.policies[1:], sessions: all.sessions}.with(more)
	s.awaitLoad(all)
	s.eventually(func(g Gomega) { g.Expect(apierrors.IsNotFound(s.get(s.Context(), deleted))).To(BeTrue()) })
	s.step("the deleted policy is gone, another policy is Synced, another session is Active")
	now := s.observe(all)
	for key := range before.Policies {
		if before.Policies[key]["name"] == deleted.Name {
			delete(before.Policies, key)
		}
	}
	s.expectKept(before, now)
	if now := s.writes(); now != writes+2 {
		s.Errorf("%d objects were written on the appliance, want one deleted and one created", now-writes)
	}
	return all
}

// uninstallForGood follows docs/uninstall.md for appliances that are to be left as they are.
func (s *scenario) uninstallForGood(all load) {
	s.Helper()
	before := s.observe(all)
	for _, b := range s.section("uninstall.md", "To leave the appliances as they are") {
		s.follow(b)
	}
	s.mark()
	for _, b := range s.section("uninstall.md", "To remove everything") {
		for command := range strings.Lines(b.Script(nil)) {
			s.shell(command)
			s.step("%s", strings.TrimSpace(command))
			if strings.HasPrefix(command, "helm uninstall ") {
				s.expectUninstalled(before, all)
			}
		}
	}
	s.must(s.removeNamespaces(s.Context()))
	s.step("nothing of the operator is left in the cluster")
}

// expectUninstalled is about the cluster and the appliances when the objects and the release are gone.
func (s *scenario) expectUninstalled(before outside, all load) {
	s.Helper()
	all.over = true
	now := s.observe(all)
	s.expectKept(outside{Policies: before.Policies}, now)
	for id, status := range now.Sessions {
		if status != "Complete" && status != "Cancelled" {
			s.Errorf("session %s is %s at the server although its object is gone", id, status)
		}
	}
	if secrets := s.shell("kubectl get secrets --ignore-not-found -n " + operatorNamespace + " -o name"); secrets != "" {
		s.Errorf("left in %s: %s", operatorNamespace, secrets)
	}
	if crds := s.shell("kubectl get crd -o name"); strings.Count(crds, ".pam-operator.io") != len(kindNames()) {
		s.Errorf("not all CRDs were kept: %s", crds)
	}
	s.eventually(func(g Gomega) { g.Expect(s.terminating()).To(BeEmpty()) })
	s.step("the appliance has all %d policies, no session lives, no Secret is left, the CRDs are kept, "+
		"and nothing is Terminating", len(all.policies))
}

// uninstallRelease runs the command of docs/uninstall.md that removes the manager, and waits until it is gone.
func (s *scenario) uninstallRelease() {
	s.Helper()
	for _, b := range s.section("uninstall.md", "To remove everything") {
		for command := range strings.Lines(b.Script(nil)) {
			if strings.HasPrefix(command, "helm uninstall ") {
				s.shell(command)
			}
		}
	}
	s.eventually(func(g Gomega) { g.Expect(s.terminating()).To(BeEmpty()) })
	s.eventually(func(g Gomega) { g.Expect(s.readyManagers(g)).To(BeEmpty()) })
}

// terminating lists what has been deleted but does not go.
func (s *scenario) terminating() string {
	s.Helper()
	return s.shell(`kubectl get pam,pods,secrets,configmaps,serviceaccounts,leases,crd,namespaces -A -o go-template='
{{- range .items}}{{if .metadata.deletionTimestamp}}{{.kind}} {{.metadata.name}}{{"\n"}}{{end}}{{end}}'`)
}
