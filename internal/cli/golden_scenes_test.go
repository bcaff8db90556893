// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// scenes are the command lines whose output is golden, by what they are about. A scene has a namespace of that name.
var scenes = map[string]func(ctx context.Context, namespace string) *scene{
	"help": helpScene, "see": seeScene, "act": actScene, "move": moveScene, "release": releaseScene,
	"session": sessionScene,
}

// theirs is a policy that somebody made by hand, and that the spec of policyOnPort(3389) differs from.
const theirs = `{"network": {"clients": ["10.1.0.0/16"], "targets": ["10.2.0.0/16"], "ports": [3389, 3390]}}`

// policyOnPort manages nothing but the port.
func (s *site) policyOnPort(name string, port int32) *pamv1alpha1.RDPConnectionPolicy {
	return s.policy(name, builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
		p.Spec = pamv1alpha1.RDPConnectionPolicySpec{ConnectionPolicySpec: pamv1alpha1.ConnectionPolicySpec{
			ConnectionRef: p.Spec.ConnectionRef, Network: &pamv1alpha1.PolicyNetwork{Ports: []int32{port}},
		}}
	}))
}

// in waits until an object is in a state, as the plugin shows it.
func (s *site) in(ctx context.Context, ref, state string) {
	GinkgoHelper()
	Eventually(func() string { return s.pam(ctx, "status", ref).Out }).Should(ContainSubstring(state))
}

// peopled has a policy in each state that people meet: fine, refused, held and lost.
func peopled(ctx context.Context, namespace string) *site {
	GinkgoHelper()
	s := newSiteIn(ctx, namespace)
	s.byHand("theirs", theirs)
	s.create(ctx, s.policyOnPort("theirs", 3389), s.policy("fine"), s.policy("held", builder.Suspended()),
		s.policy("lost", builder.Connection("missing", "")))
	s.ready(ctx, "rdpcp/fine")
	s.in(ctx, "rdpcp/theirs", "AdoptionRefused")
	s.in(ctx, "rdpcp/held", "does not exist on the appliance")
	s.in(ctx, "rdpcp/lost", "ConnectionNotReady")
	s.in(ctx, "spsc/sps", "last commit")
	return s
}

func helpScene(context.Context, string) *scene {
	lines := []line{
		{text: "help"}, {text: "help exit-codes"}, {text: "help environment"}, {text: "session --help"},
		{text: "statu", code: 2}, {text: "status --nonsense", code: 2}, {text: "status -o xml", code: 2},
	}
	every(root(), func(c *cobra.Command) {
		lines = append(lines, line{text: strings.TrimPrefix(c.CommandPath(), "kubectl pam ") + " --help"})
	})
	return &scene{lines: lines}
}

func seeScene(ctx context.Context, namespace string) *scene {
	s := peopled(ctx, namespace)
	s.start(ctx, "--name", "db-maintenance", "--duration", "1h")
	install(ctx)
	return &scene{site: s, lines: []line{
		{text: "status", document: "Status"},
		{text: "status --exit-code", code: 1},
		{text: "status -o wide"},
		{text: "status -o name"},
		{text: "status rdpcp/fine --exit-code", document: "Status"},
		{text: "status rdpcp/fine as/db-maintenance --wait"},
		{text: "status rdpcp/theirs --wait --timeout 10m", code: 1},
		{text: "status rdpcp/lost --wait --timeout 1s", code: 124},
		{text: "status rdpcp/nobody", code: 2},
		{text: "status rdpc/fine", code: 2},
		{text: "status aex"},
		{text: "diff", code: 1, document: "Diff"},
		{text: "diff rdpcp/theirs", code: 1, document: "Diff"},
		{text: "diff rdpcp/fine", document: "Diff"},
		{text: "diff rdpcp/lost", code: 2},
		{text: "diff rdpcp/theirs --refresh", code: 1},
		{text: "version", document: "Version"},
		{text: "version --client", document: "Version"},
		{text: "--as nobody version"},
		{text: "check", document: "Check"},
		{text: "check --pre", document: "Check"},
		{text: "--as nobody check"},
		{text: "check", code: 1, document: "Check", before: func() { s.refusedConnection(ctx) }},
		{text: "--server https://127.0.0.1:1 --insecure-skip-tls-verify check", code: 2},
	}}
}

func actScene(ctx context.Context, namespace string) *scene {
	lead(ctx)
	s := peopled(ctx, namespace)
	s.create(ctx, s.policy("from-git", builder.Annotation("argocd.argoproj.io/tracking-id", "apps:x/y:z/from-git")))
	s.ready(ctx, "rdpcp/from-git")
	one, two := s.sps.StartSession(simsps.AuditSession{}), s.sps.StartSession(simsps.AuditSession{})
	fine := s.policy("fine")
	Expect(k8s.Get(ctx, client.ObjectKeyFromObject(fine), fine)).To(Succeed())
	used := func() {
		s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: fine.Status.Key})
		s.sps.StartSession(simsps.AuditSession{ConnectionPolicyID: fine.Status.Key})
	}
	return &scene{site: s, values: map[string]string{"ONE": one.ID, "TWO": two.ID}, lines: []line{
		{text: "reconcile rdpcp/fine", document: "Reconcile"},
		{text: "reconcile rdpcp/theirs", code: 1, document: "Reconcile"},
		{text: "reconcile rdpcp/lost --timeout 1s", code: 124},
		{text: "reconcile --connection nps", document: "Reconcile"},
		{text: "reconcile rdpcp/fine --dry-run"},
		{text: "reconcile rdpcp/fine --wait=false"},
		{text: "reconcile rdpcp/fine -o name"},
		{text: "reconcile", code: 2},
		{text: "suspend rdpcp/fine --dry-run", document: "Suspend"},
		{text: "suspend spsc/sps --reason 'firmware upgrade, CHG-4711'", document: "Suspend"},
		{text: "status spsc/sps", until: "Suspended"},
		{text: "resume spsc/sps --wait", document: "Resume"},
		{text: "resume rdpcp/lost --wait --timeout 1s", code: 124},
		{text: "resume rdpcp/theirs", document: "Resume"},
		{text: "resume rdpcp/theirs --wait", code: 1},
		{text: "suspend rdpcp/from-git", code: 2},
		{text: "suspend rdpcp", code: 2},
		{text: "--as nobody suspend rdpcp/fine", code: 2},
		{text: "terminate $ONE --connection sps", code: 2},
		{text: "terminate $ONE --connection sps", code: 1, answer: "n\n"},
		{text: "terminate $ONE --connection sps --dry-run", document: "Terminate"},
		{text: "terminate $ONE --connection sps", answer: "y\n"},
		{text: "terminate $TWO --connection sps --yes --wait=false", document: "Terminate"},
		{text: "terminate $ONE --connection missing --yes --timeout 1s", code: 124},
		{text: "terminate --policy fine --yes", before: used, document: "Terminate"},
		{text: "terminate --policy nobody", code: 2},
		{text: "terminate", code: 2},
	}}
}

func moveScene(ctx context.Context, namespace string) *scene {
	lead(ctx)
	s := newSiteIn(ctx, namespace)
	s.byHand("rdp_finance", theirs)
	s.byHand("rdp_other", theirs)
	s.byHand("rdp_twice", theirs)
	s.byHand("rdp_twice", theirs)
	folder := GinkgoT().TempDir()
	values := map[string]string{"DIR": filepath.Join(folder, "export"), "LOST": filepath.Join(folder, "lost.yaml")}
	writeManifest(values["LOST"], s.policy("lost", builder.Connection("missing", "")))
	values["GITS"] = filepath.Join(folder, "gits.yaml")
	writeManifest(values["GITS"], s.policy("from-git", adoption(pamv1alpha1.AdoptionPolicyIfIdentical)))
	inGit := s.policy("from-git", adoption(pamv1alpha1.AdoptionPolicyNever), builder.Suspended())
	Expect(k8s.Create(ctx, inGit, client.FieldOwner("git"))).To(Succeed())
	edited := func() { // what somebody changes after the export, and the operator knows
		s.setPorts("rdp_other", 3391)
		Expect(s.pam(ctx, "reconcile", "spsc/sps").Code).To(BeZero())
	}
	return &scene{site: s, values: values, lines: []line{
		{text: "unmanaged --connection sps", document: "Unmanaged"},
		{text: "unmanaged --connection sps --kinds lug", document: "Unmanaged"},
		{text: "unmanaged --connection missing --timeout 1s", code: 124},
		{text: "unmanaged", code: 2},
		{text: "export --connection sps --names rdp_* -d $DIR"},
		{text: "export --connection sps --names rdp_* -d $DIR", code: 2},
		{text: "export --connection sps --names rdp_finance -o yaml"},
		{text: "export --connection missing -o yaml --timeout 1s", code: 124},
		{text: "export --connection sps", code: 2},
		{text: "export --connection sps --kinds as -o yaml", code: 2},
		{text: "--as nobody export --connection sps -o yaml", code: 2},
		{text: "adopt -f $DIR --dry-run"},
		{text: "adopt -f $DIR --dry-run=server"},
		{text: "adopt -f $DIR", code: 1, before: edited, document: "Adopt"},
		{text: "diff rdpcp/rdp-other rdpcp/rdp-finance", code: 1},
		{text: "adopt rdpcp/rdp-other", code: 2},
		{text: "adopt rdpcp/rdp-other --dry-run"},
		{text: "adopt rdpcp/rdp-other", code: 1, answer: "n\n"},
		{text: "adopt rdpcp/rdp-other", answer: "y\n"},
		{text: "adopt rdpcp/rdp-other rdpcp/rdp-finance", document: "Adopt"},
		{text: "export --connection sps --names rdp_* --unmanaged -o yaml"},
		{text: "adopt -f $GITS", code: 1},
		{text: "adopt -f $LOST --timeout 1s", code: 124},
		{text: "adopt", code: 2},
		{text: "adopt spsc/sps", code: 2},
		{text: "unmanaged --connection sps --names rdp_*", document: "Unmanaged"},
	}}
}

func adoption(policy pamv1alpha1.AdoptionPolicy) builder.Option {
	return builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.AdoptionPolicy = policy })
}

// writeManifest writes an object into a file, as people apply it.
func writeManifest(file string, o client.Object) {
	GinkgoHelper()
	text, err := builder.Manifest(o)
	Expect(err).NotTo(HaveOccurred())
	Expect(os.WriteFile(file, []byte(text), 0o600)).To(Succeed())
}

// setPorts changes a policy by hand at the appliance.
func (s *site) setPorts(name string, ports ...any) {
	GinkgoHelper()
	all := s.sps.Objects("rdp/connections")
	i := slices.IndexFunc(all, func(o simsps.Object) bool { return o.Body["name"] == name })
	Expect(i).NotTo(Equal(-1), name)
	network, is := all[i].Body["network"].(map[string]any)
	Expect(is).To(BeTrue())
	network["ports"] = ports
	s.sps.Put("rdp/connections", all[i].Key, all[i].Body)
}

func releaseScene(ctx context.Context, namespace string) *scene {
	lead(ctx)
	s := newSiteIn(ctx, namespace)
	s.create(ctx, s.policy("a"), s.policy("b"),
		builder.LocalUserGroup("staff", builder.InNamespace(s.namespace), builder.Connection("sps", "")),
		s.policy("from-git", builder.Label("helm.toolkit.fluxcd.io/name", "pam"),
			builder.Label("helm.toolkit.fluxcd.io/namespace", "flux-system")),
		s.policy("pinned", builder.With(func(p *pamv1alpha1.RDPConnectionPolicy) {
			p.Finalizers = []string{"example.com/pinned"}
		})))
	s.ready(ctx, "rdpcp/a", "rdpcp/b", "rdpcp/from-git", "rdpcp/pinned", "lug/staff")
	s.start(ctx, "--name", "db-maintenance")
	values := map[string]string{
		"RECORD": filepath.Join(GinkgoT().TempDir(), "released.yaml"), "ID": s.atServer(ctx, "db-maintenance").ID,
	}
	unpinned := func() {
		o := s.policy("pinned")
		change(ctx, o, func() { o.Finalizers = nil })
	}
	return &scene{site: s, values: values, lines: []line{
		{text: "release --connection nps --dry-run", document: "Release"},
		{text: "release --connection nps --yes", code: 2},
		{text: "release --connection sps --yes", code: 2},
		{text: "release --connection sps --force", code: 2},
		{text: "release --connection sps --force", code: 1, answer: "n\n"},
		{text: "release --connection sps --force --dry-run", document: "Release"},
		{text: "release rdpcp/a --dry-run=server", document: "Release"},
		{text: "release rdpcp/pinned --yes --timeout 3s", code: 124},
		{text: "release --connection sps --force --yes --record $RECORD", before: unpinned},
		{text: "release rdpcp"},
		{text: "release as --sessions=keep --dry-run"},
		{text: "release as --sessions=end", answer: "y\n"},
		{text: "release npsc/nps --yes -o name"},
		{text: "release", code: 2},
		{text: "release -A --sessions=burn", code: 2},
		{text: "--as nobody release -A", code: 2},
	}}
}

func sessionScene(ctx context.Context, namespace string) *scene {
	lead(ctx)
	s := newSiteIn(ctx, namespace)
	const request = " --connection nps --activity 'Linux root' --resource " + builder.DefaultResource
	const start, use = "session start" + request, "session run" + request
	switches := func(change func(*simnps.Switches)) func() { return func() { s.nps.SetSwitches(change) } }
	return &scene{site: s, lines: []line{
		{text: "session list", document: "SessionList"},
		{text: start + " --name db-maintenance --duration 1h --dry-run", document: "Session"},
		{text: start + " --name db-maintenance --duration 1h"},
		{text: start, document: "Session"},
		{text: start + " --name later --wait=false"},
		{text: start + " --name fixed -o name"},
		{text: "session start --connection nps", code: 2},
		{text: start + " --duration 1s", code: 2},
		{text: use + " -- true"},
		{text: use + " --keep --name used -- false", code: 1},
		{text: use + " -- no-such-program", code: 127},
		{text: "session run --connection nps -- true", code: 125},
		{text: start + " --name refused", code: 1, before: switches(func(o *simnps.Switches) {
			o.ProvisioningError = "the account could not be unlocked on db1"
		})},
		{text: start + " --name slow --timeout 1s", code: 124, before: switches(func(o *simnps.Switches) {
			o.ProvisioningError, o.ProvisioningDelay = "", simnps.Duration(time.Hour)
		})},
		{text: "session cancel slow"},
		{text: "session list --live", unordered: true, document: "SessionList"},
		{text: "session list -o wide", unordered: true},
		{text: "session list -o name", unordered: true},
		{text: "session connect db-maintenance --print"},
		{text: "session connect nobody --print", code: 2},
		{text: "session connect db-maintenance --show-token", code: 2},
		{text: "session refresh db-maintenance"},
		{text: "session refresh db-maintenance --dry-run"},
		{text: "session extend db-maintenance --by 30m"},
		{text: "session extend db-maintenance --by 30m --dry-run"},
		{text: "session extend later --by 30m", code: 2},
		{text: "session extend db-maintenance", code: 2},
		{text: "session logs db-maintenance", document: "SessionLog"},
		{text: "session logs refused", document: "SessionLog"},
		{text: "session logs nobody", code: 2},
		{text: "session cancel db-maintenance --dry-run"},
		{text: "session cancel db-maintenance"},
		{text: "session cancel later --delete"},
		{text: "session cancel nobody", code: 2},
		{text: "session connect db-maintenance", code: 1},
		{text: "session refresh db-maintenance", code: 1},
		{text: "session extend db-maintenance --by 30m", code: 1},
		{text: "session list", unordered: true, document: "SessionList"},
	}}
}
