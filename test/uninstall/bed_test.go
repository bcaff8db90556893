// SPDX-License-Identifier: Apache-2.0

package uninstall

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

const (
	owners = "pam-system"
	// What to remove: all that is installed, or the definitions.
	undeploy  = "make undeploy"
	uninstall = "make uninstall"
)

// bed is an installation in use.
type bed struct {
	*testing.T

	cluster    *site.Cluster
	servers    *site.Servers
	manager    *site.Manager
	connection *pamv1alpha1.SPSConnection
	session    *pamv1alpha1.ActivitySession
	policies   []client.Object
	before     onServers // before anything was created
	manifest   string    // what was installed
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{T: t, cluster: site.NewCluster(t, controlplane.Options{ControllerManager: true}), servers: site.Serve(t)}
	b.manifest = b.render("default")
	installed, err := installation.Parse([]byte(b.manifest))
	if err != nil {
		t.Fatal(err)
	}
	b.cluster.Install(t, installed)
	_, kubeconfig := b.cluster.Identity(t, installed)
	command := append([]string{site.Binary(t, "manager")}, installed.Arguments(kubeconfig)...)
	b.manager = site.StartManager(t, command...)
	b.cluster.Apply(t, builder.Namespace(owners))
	b.connection = b.servers.SPSConnection(owners)
	b.before = b.onServers()
	return b
}

// render is what kustomize makes of a folder below config.
func (b *bed) render(folder string) string {
	b.Helper()
	text, err := installation.Kubectl(b.Context(), b.cluster.Plane.Kubectl(), "", "kustomize", site.Configs(folder)[0])
	if err != nil {
		b.Fatal(err)
	}
	return text
}

// use creates objects of every kind, and waits until they are ready.
func (b *bed) use() {
	b.Helper()
	in := builder.InNamespace(owners)
	b.cluster.Apply(b.T, b.servers.Credentials(owners)...)
	b.cluster.Apply(b.T, builder.Secret("alice", map[string]string{"password": "invented-password"}, in))
	b.policies = []client.Object{
		builder.RDPConnectionPolicy("rdp-1", in), builder.RDPConnectionPolicy("rdp-2", in),
		builder.LocalUser("alice", in, builder.PasswordFrom("alice")),
		builder.LocalUserGroup("a", in, builder.MemberRefs("alice")),
		builder.LocalUserGroup("b", in), builder.LocalUserGroup("c", in),
	}
	b.session = builder.ActivitySession("live", in, builder.RequestedBy(controlplane.Admin))
	recorded := b.servers.SPS.StartSession(simsps.AuditSession{})
	closing := builder.SessionTermination("closing", recorded.ID, in)
	nps := b.servers.NPSConnection(owners)
	b.cluster.Apply(b.T, append([]client.Object{b.connection, nps, b.session, closing}, b.policies...)...)
	b.cluster.Reach(b.T, "True Synced", append(b.policies, b.connection, nps)...)
	b.cluster.Reach(b.T, "True Active", b.session)
	b.cluster.Reach(b.T, "True Completed", closing)
}

func suspend(yes bool) func(*pamv1alpha1.SPSConnection) {
	return func(c *pamv1alpha1.SPSConnection) { c.Spec.Suspend = &yes }
}

// lock lets another administrator lock the configuration of the appliance.
func (b *bed) lock() { b.servers.SPS.LockBy("alice", simsps.ViaUI) }

// remove runs what a make target runs, with these variables, and returns what it prints.
func (b *bed) remove(target string, variables ...string) (string, error) {
	b.Helper()
	from := []string{"-k", site.Configs("crd")[0]}
	if target == undeploy {
		file := filepath.Join(b.TempDir(), "install.yaml")
		if err := os.WriteFile(file, []byte(b.manifest), 0o600); err != nil {
			b.Fatal(err)
		}
		from = []string{"-f", file}
	}
	script := filepath.Join("..", "..", "hack", "uninstall.sh")
	arguments := append([]string{script, b.cluster.Plane.Kubectl(), target}, from...)
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), "bash", arguments...)
	cmd.Env = append(os.Environ(), append(variables, "KUBECONFIG="+b.cluster.Plane.KubeconfigFile, "HOME="+b.TempDir())...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (b *bed) expectRefusal(out string, err error, words ...string) {
	b.Helper()
	if err == nil {
		b.Fatalf("it was not refused:\n%s", out)
	}
	for _, word := range words {
		if !strings.Contains(out, word) {
			b.Errorf("no %q in\n%s", word, out)
		}
	}
}

// expectRemoved requires that nothing of ours is left in the cluster, not even Terminating.
func (b *bed) expectRemoved(out string, err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("%v:\n%s", err, out)
	}
	if kinds := b.kinds(); len(kinds) > 0 {
		b.Errorf("these definitions are left: %v\n%s", kinds, out)
	}
	for _, kind := range []string{"clusterroles", "clusterrolebindings", "validatingadmissionpolicies", "namespaces"} {
		left := b.cluster.Kubectl(b.T, "", "get", kind, "--output=name")
		if strings.Contains(out, undeploy) && strings.Contains(left, "pam-operator") {
			b.Errorf("%s are left:\n%s", kind, left)
		}
	}
	b.expectNothingIsTerminating()
}

// kinds are the definitions of ours that are in the cluster.
func (b *bed) kinds() []string {
	b.Helper()
	all := strings.Fields(b.cluster.Kubectl(b.T, "", "get", "crds", "--output=name"))
	var out []string
	for _, name := range all {
		if strings.HasSuffix(name, "."+pamv1alpha1.GroupVersion.Group) {
			out = append(out, name)
		}
	}
	return out
}

func (b *bed) expectNothingIsTerminating() {
	b.Helper()
	for _, kind := range append(b.kinds(), "namespaces", "secrets", "configmaps") { // TYPE or crd/TYPE
		text := b.cluster.Kubectl(b.T, "", "get", kind[strings.Index(kind, "/")+1:], "--all-namespaces", "--output=json")
		var list unstructured.UnstructuredList
		if err := list.UnmarshalJSON([]byte(text)); err != nil {
			b.Fatal(err)
		}
		for _, o := range list.Items {
			if o.GetDeletionTimestamp() != nil {
				b.Errorf("%s %s/%s is Terminating", o.GetKind(), o.GetNamespace(), o.GetName())
			}
		}
	}
}

// expectInUse requires that everything is as use made it.
func (b *bed) expectInUse() {
	b.Helper()
	for _, o := range append(b.policies, b.connection, b.session) {
		err := b.cluster.Get(b.Context(), client.ObjectKeyFromObject(o), o)
		if err != nil || o.GetDeletionTimestamp() != nil {
			b.Errorf("%T %s is gone or going: %v", o, o.GetName(), err)
		}
	}
	NewWithT(b.T).Expect(b.servers.Live()).To(HaveLen(1))
	NewWithT(b.T).Expect(b.servers.Names(site.Policies)).To(ContainElements("rdp-1", "rdp-2"))
}

// onServers is what the servers hold.
type onServers struct {
	Policies, Users, Groups []simsps.Object
	Live                    []string
}

func (b *bed) onServers() onServers {
	return onServers{
		b.servers.SPS.Objects(site.Policies), b.servers.SPS.Objects(site.Users), b.servers.SPS.Objects(site.Groups),
		b.servers.Live(),
	}
}

func (o onServers) diff(before onServers) string { return cmp.Diff(before, o) }
