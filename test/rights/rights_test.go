// SPDX-License-Identifier: Apache-2.0

// Package rights proves that the manager has the rights it needs, and no other: the built manager does everything that
// it can do, with exactly the roles of an installation, and the audit log of the API server shows which right of which
// role each request used. Then each right is taken away in turn, and the request that used it is refused.
package rights

import (
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/site"
)

// watched are the namespaces of a manager that does not watch all: of the owners of the connections, of a team, and one
// that is deleted with everything in it.
var watched = []string{owners, team, doomed}

// TestEveryRightIsNeededInAllNamespaces is about config/default.
func TestEveryRightIsNeededInAllNamespaces(t *testing.T) {
	t.Parallel() // mostly waiting
	run(t, func(t *testing.T, c *site.Cluster) installation.Installation {
		t.Helper()
		installed, err := installation.Render(t.Context(), c.Plane.Kubectl(), site.Configs("default")...)
		if err != nil {
			t.Fatal(err)
		}
		return installed
	})
}

// TestEveryRightIsNeededInSomeNamespaces is about the chart with ci/namespaced-values.yaml, after what a cluster
// administrator installs for it.
func TestEveryRightIsNeededInSomeNamespaces(t *testing.T) {
	t.Parallel() // mostly waiting
	run(t, func(t *testing.T, _ *site.Cluster) installation.Installation {
		t.Helper()
		namespaces := []string{"--set", "watchNamespaces={" + strings.Join(watched, ",") + "}"}
		administrator := template(t, append(namespaces, "--show-only", "templates/crds.yaml",
			"--show-only", "templates/rbac-users.yaml", "--show-only", "templates/admission-policy.yaml")...)
		operator := template(t, append(namespaces, "--values", filepath.Join(chart, "ci", "namespaced-values.yaml"))...)
		installed, err := installation.Parse([]byte(administrator + "\n---\n" + operator))
		if err != nil {
			t.Fatal(err)
		}
		return installed
	})
}

// elsewhere are the rights that this scenario does not bring about, and who needs them.
var elsewhere = map[string]string{
	"/namespaces get":    "a manager of some namespaces with the ClusterRole reads them by name; test/e2e has it",
	"/configmaps create": records,
	"/configmaps list":   records,
	"/configmaps update": "a second request of a GitOps tool in a namespace is remembered; test/e2e has the scenario",
	"events.k8s.io/events patch": "the recorder of client-go counts an Event that is repeated while its object does not " +
		"change",
}

const records = "what is left of objects whose namespace goes is recorded beside the manager, as long as it has " +
	"rights there; the manager of all namespaces shows it"

func run(t *testing.T, render func(*testing.T, *site.Cluster) installation.Installation) {
	t.Helper()
	c := site.NewCluster(t, controlplane.Options{
		CRDDirs: site.Configs("crd/bases"), ControllerManager: true, AuditPolicy: auditPolicy,
		APIServer: map[string]string{
			// As the oldest supported release: objects are listed, not streamed.
			"feature-gates": "WatchList=false",
			// As in OpenShift: who lets an object block the deletion of its owner has to have a right to that owner.
			"enable-admission-plugins": "OwnerReferencesPermissionEnforcement",
		},
	})
	installed := render(t, c)
	c.Install(t, installed)
	s := newScenario(t, c, installed)
	s.play()

	user, _ := installed.User()
	seen := readAudit(t, c.Plane.AuditLog, user)
	for request := range seen.refused {
		t.Errorf("no role allows the manager to %s", request)
	}
	r := &removal{T: t, cluster: c, installed: installed, scenario: s}
	r.expectIdentity()
	done := map[right]bool{identity(installed, grants(t, installed)): true}
	for _, g := range grants(t, installed) {
		for _, one := range g.rights(t) {
			if done[one] {
				continue
			}
			request, used := seen.used[one]
			switch {
			case !used && elsewhere[one.group+"/"+one.resource+" "+one.verb] != "":
				t.Logf("not used here: %s: %s", one, elsewhere[one.group+"/"+one.resource+" "+one.verb])
			case !used:
				t.Errorf("never used: %s", one)
			case g.namespace == "" || g.namespace == request.Namespace:
				r.expectRefusal(g, one, request)
			default:
				continue // the request was made in another of the watched namespaces
			}
			done[one] = true
		}
	}
	t.Logf("%d rights are used, and each of them is needed", len(done))
}

var chart = filepath.Join("..", "..", "charts", "pam-operator")

// template renders the chart.
func template(t *testing.T, arguments ...string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("..", "..", "bin", "helm-*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d files bin/helm-*, want one: run \"make helm\" (%v)", len(found), err)
	}
	binary, err := filepath.Abs(found[0])
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Concat([]string{"template", "pam-operator", chart, "--namespace", "pam-operator-system"}, arguments)
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), binary, all...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
