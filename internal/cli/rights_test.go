// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/internal/cli"
	"github.com/pam-operator/pam-operator/test/builder"
)

// right is one verb on one resource.
type right struct {
	verb, resource string
	cluster        bool
}

func (r right) rule() rbacv1.PolicyRule {
	name, group, _ := strings.Cut(r.resource, ".")
	return rbacv1.PolicyRule{Verbs: []string{r.verb}, APIGroups: []string{group}, Resources: []string{name}}
}

// named is how the plugin says that the right is missing.
func (r right) named(namespace string) string {
	where := "namespace " + namespace
	if r.cluster {
		where = "the whole cluster"
	}
	return fmt.Sprintf("you need %s on %s in %s (docs/cli.md#rights)", r.verb, r.resource, where)
}

// documented are the rights of a command: those that it always needs, and those for what is named.
func documented(command string, purposes ...string) []right {
	GinkgoHelper()
	i := slices.IndexFunc(cli.Rights(), func(c cli.CommandRights) bool { return c.Command == command })
	Expect(i).NotTo(Equal(-1), command)
	var out []right
	for _, needs := range cli.Rights()[i].Needs {
		if needs.For != "" && !slices.Contains(purposes, needs.For) {
			continue
		}
		for _, verb := range needs.Verbs {
			for _, resource := range needs.Resources {
				out = append(out, right{verb, resource, needs.Cluster})
			}
		}
	}
	return out
}

var accounts atomic.Int64

// account makes a service account with exactly these rights, and returns its name for --as.
func (s *site) account(ctx context.Context, rights []right) string {
	GinkgoHelper()
	account := fmt.Sprintf("system:serviceaccount:%s:account-%d", s.namespace, accounts.Add(1))
	s.bind(ctx, account, rights)
	return account
}

// bind gives rights to an account: in the site's namespace, or in the whole cluster.
func (s *site) bind(ctx context.Context, account string, rights []right) {
	GinkgoHelper()
	var here, everywhere []rbacv1.PolicyRule
	for _, r := range rights {
		if r.cluster {
			everywhere = append(everywhere, r.rule())
		} else {
			here = append(here, r.rule())
		}
	}
	namespaced := strings.Split(account, ":")[2:]
	subjects := []rbacv1.Subject{{Kind: "ServiceAccount", Namespace: namespaced[0], Name: namespaced[1]}}
	in := metav1.ObjectMeta{Namespace: s.namespace, Name: fmt.Sprintf("rights-%d", accounts.Add(1))}
	global := metav1.ObjectMeta{Name: in.Namespace + "-" + in.Name}
	ref := func(kind, name string) rbacv1.RoleRef {
		return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
	}
	s.create(ctx, &rbacv1.Role{ObjectMeta: in, Rules: here},
		&rbacv1.RoleBinding{ObjectMeta: in, Subjects: subjects, RoleRef: ref("Role", in.Name)},
		&rbacv1.ClusterRole{ObjectMeta: global, Rules: everywhere},
		&rbacv1.ClusterRoleBinding{ObjectMeta: global, Subjects: subjects, RoleRef: ref("ClusterRole", global.Name)})
}

// enough waits until the API server's authorizer knows the rights: its caches follow the objects.
func (s *site) enough(ctx context.Context, account string, args []string) {
	GinkgoHelper()
	var r run
	Eventually(func() run {
		r = s.pam(ctx, append([]string{"--as", account}, args...)...)
		return r
	}).Should(HaveField("Code", 0), func() string { return strings.Join(args, " ") + "\n" + r.String() })
}

// arguments makes what a command line is about: a manifest, or a session of its own.
func (s *site) arguments(ctx context.Context, args []string) []string {
	GinkgoHelper()
	out := slices.Clone(args)
	for i, arg := range out {
		switch arg {
		case "MANIFEST":
			out[i] = filepath.Join(GinkgoT().TempDir(), "policy.yaml")
			name := fmt.Sprintf("there-%d", accounts.Add(1))
			s.byHand(name, `{"network": {"clients": ["10.1.0.0/16"], "targets": ["10.2.0.0/16"], "ports": [3389]}}`)
			text, err := builder.Manifest(s.policy(name))
			Expect(err).NotTo(HaveOccurred())
			Expect(os.WriteFile(out[i], []byte(text), 0o600)).To(Succeed())
		case "SESSION":
			out[i] = s.start(ctx)
		case "POLICY":
			out[i] = s.fresh(ctx)
		case "SUSPENDED":
			out[i] = s.fresh(ctx, builder.Suspended())
		}
	}
	return out
}

// fresh creates a policy, and returns how it is named on a command line.
func (s *site) fresh(ctx context.Context, options ...builder.Option) string {
	GinkgoHelper()
	name := fmt.Sprintf("new-%d", accounts.Add(1))
	s.create(ctx, s.policy(name, options...))
	return "rdpcp/" + name
}

const onPolicies = "rdpconnectionpolicies.pam-operator.io"

// Serial: a Lease says that a manager leads, and the CRDs have a version.
var _ = Describe("the documented rights", Ordered, Serial, func() {
	var s *site
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		lead(ctx)
		s.byHand("theirs", `{}`)
		s.create(ctx, s.policy("fine"), s.policy("held"))
		s.ready(ctx, "rdpcp/fine")
		s.start(ctx, "--name", "live", "--duration", "1h")
	})

	for _, c := range []struct {
		command  string
		args     []string
		purposes []string
		// only are the resources that this run is about; empty for all.
		only []string
		// code is the exit code if a right is missing; 0 for that of most commands.
		code int
	}{
		{
			command: "status", purposes: []string{"KIND/NAME", "--wait, --watch"}, only: []string{onPolicies},
			args: []string{"status", "POLICY", "--wait"},
		},
		{command: "diff", args: []string{"diff"}},
		{
			command: "diff", purposes: []string{"KIND/NAME", "--refresh"}, only: []string{onPolicies},
			args: []string{"diff", "rdpcp/fine", "--refresh"},
		},
		{
			command: "terminate", purposes: []string{"--wait, the default"},
			args: []string{"terminate", "svc/none:1", "--connection", "sps", "--yes"},
		},
		{
			command: "terminate", purposes: []string{"--wait, the default", "--policy"},
			args: []string{"terminate", "--policy", "fine", "--yes"},
		},
		{
			// Deployments are looked at, too, and needed only if there is no Lease.
			command: "release", purposes: []string{"KIND/NAME"},
			only: []string{onPolicies, "leases.coordination.k8s.io"}, args: []string{"release", "POLICY", "--yes"},
		},
		{
			command: "adopt", purposes: []string{"-f"}, only: []string{onPolicies},
			args: []string{"adopt", "-f", "MANIFEST"},
		},
		{
			command: "adopt", purposes: []string{"KIND/NAME"}, only: []string{onPolicies},
			args: []string{"adopt", "POLICY", "--yes"},
		},
		{
			command: "reconcile", purposes: []string{"--wait, the default", "KIND/NAME"},
			only: []string{onPolicies}, args: []string{"reconcile", "rdpcp/fine"},
		},
		{
			command: "suspend", only: []string{onPolicies}, args: []string{"suspend", "rdpcp/held"},
		},
		{
			// Without --wait, which reconcile covers: it needs no watch where nothing is left to wait for.
			command: "resume", only: []string{onPolicies}, args: []string{"resume", "rdpcp/fine"},
		},
		{
			command: "resume", purposes: []string{"--wait"}, only: []string{onPolicies},
			args: []string{"resume", "SUSPENDED", "--wait"},
		},
		{command: "export", args: []string{"export", "--connection", "sps", "-o", "yaml"}},
		{command: "unmanaged", args: []string{"unmanaged", "--connection", "sps"}},
		{command: "session list", args: []string{"session", "list"}},
		{
			command: "session start", purposes: []string{"--wait, the default"},
			args: []string{
				"session", "start", "--connection", "nps", "--activity", "Linux root", "--resource", builder.DefaultResource,
			},
		},
		{
			command: "session run", code: 125,
			args: []string{
				"session", "run", "--connection", "nps", "--activity", "Linux root", "--resource", builder.DefaultResource,
				"--", "true",
			},
		},
		{command: "session connect", args: []string{"session", "connect", "live", "--print"}},
		{command: "session refresh", args: []string{"session", "refresh", "live"}},
		{command: "session extend", args: []string{"session", "extend", "live", "--by", "1m"}},
		{command: "session logs", args: []string{"session", "logs", "live"}},
		{command: "session cancel", args: []string{"session", "cancel", "SESSION"}},
		{
			command: "session cancel", purposes: []string{"--delete"},
			args: []string{"session", "cancel", "SESSION", "--delete"},
		},
	} {
		It("are enough for "+strings.Join(c.args, " ")+", and each is needed", func(ctx context.Context) {
			rights := slices.DeleteFunc(documented(c.command, c.purposes...), func(r right) bool {
				return len(c.only) > 0 && !slices.Contains(c.only, r.resource)
			})
			s.enough(ctx, s.account(ctx, rights), s.arguments(ctx, c.args))
			for i, missing := range rights {
				account := s.account(ctx, slices.Delete(slices.Clone(rights), i, i+1))
				Eventually(func() run {
					return s.pam(ctx, append([]string{"--as", account}, s.arguments(ctx, c.args)...)...)
				}).Should(And(
					HaveField("Code", cmp.Or(c.code, 2)), HaveField("Err", HaveSuffix(missing.named(s.namespace)+"\n"))))
			}
		})
	}

	It("of others are not needed to see what happened to a session", func(ctx context.Context) {
		account := s.account(ctx, documented("session logs"))
		s.enough(ctx, account, []string{"session", "logs", "live"})
		r := s.pam(ctx, "--as", account, "session", "logs", "live")
		Expect(r.Err).To(ContainSubstring("! without Events: you need list on events in namespace " + s.namespace))
	})

	It("let check see everything, and it says what it does not see", func(ctx context.Context) {
		rights := documented("check", "the CRDs", "the manager", "the admission policies", "the connections")
		check := func(account string) func() string {
			return func() string { return s.pam(ctx, "--as", account, "check").Out }
		}
		Eventually(check(s.account(ctx, rights))).Should(And(
			Not(ContainSubstring("can be seen")), Not(ContainSubstring("cannot be seen")),
			ContainSubstring("kinds of pam-operator.io/v1alpha1"), ContainSubstring("✔ leader suite"),
			ContainSubstring("✔ spsc/sps ("+s.namespace+"): Synced")))
		for i, missing := range rights {
			account := s.account(ctx, slices.Delete(slices.Clone(rights), i, i+1))
			Eventually(check(account)).Should(And(
				MatchRegexp(`(?m)^! (not all of the manager|the .*) can(not)? be seen$`),
				MatchRegexp(`(?m)^    you need list on `+missing.resource+` in `)))
		}
	})

	It("let version tell that of the operator, which is unknown without them", func(ctx context.Context) {
		labelled(ctx, "1.2.3")
		DeferCleanup(func(ctx context.Context) { labelled(ctx, "") })
		for version, rights := range map[string][]right{
			`1\.2\.3`: documented("version", "the operator's version"), "unknown": nil,
		} {
			account := s.account(ctx, rights)
			Eventually(func() run { return s.pam(ctx, "--as", account, "version") }).Should(And(
				HaveField("Code", 0), HaveField("Out", MatchRegexp(`(?m)^operator +`+version+`$`))))
		}
	})

	It("let status show what may be listed, and it names the rest", func(ctx context.Context) {
		rights := documented("status")
		s.enough(ctx, s.account(ctx, rights), []string{"status"})
		for i, missing := range rights {
			account := s.account(ctx, slices.Delete(slices.Clone(rights), i, i+1))
			Eventually(func() run { return s.pam(ctx, "--as", account, "status") }).Should(And(
				HaveField("Code", 0), HaveField("Err", HaveSuffix("! not all is shown: "+missing.named(s.namespace)+"\n"))))
			r := s.pam(ctx, "--as", account, "status", "--exit-code", "--connection", "none")
			Expect(r.Code).To(Equal(2), r.String())
			Expect(r.Err).To(HaveSuffix("error: " + missing.named(s.namespace) + "\n"))
		}
	})

	It("of a team are those of a role that is installed", func(context.Context) {
		text, err := os.ReadFile(filepath.Join("..", "..", "config", "rbac", "team_viewer_role.yaml"))
		Expect(err).NotTo(HaveOccurred())
		role := &rbacv1.ClusterRole{}
		Expect(yaml.UnmarshalStrict(text, role)).To(Succeed())
		var rights []right
		for _, rule := range role.Rules {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					rights = append(rights, right{verb: verb, resource: resource + "." + rule.APIGroups[0]})
				}
			}
		}
		Expect(rights).To(ContainElements(documented("status", "KIND/NAME", "--wait, --watch")))
		for _, r := range rights {
			Expect(r.verb).To(BeElementOf("get", "list", "watch"))
			Expect(r.resource).To(HaveSuffix(".pam-operator.io"))
		}
	})

	It("let status tell the state of a connection elsewhere, and it says if it may not", func(ctx context.Context) {
		other := newSite(ctx)
		s.create(ctx, s.policy("abroad", builder.Connection("sps", other.namespace)))
		inTheirs := "the state of connections in other namespaces"
		account := s.account(ctx, documented("status", "KIND/NAME"))
		status := func() string { return s.pam(ctx, "--as", account, "status", "rdpcp/abroad").Out }
		Eventually(status).Should(ContainSubstring("you need get on spsconnections.pam-operator.io in namespace " +
			other.namespace))
		there := slices.DeleteFunc(documented("status", inTheirs), func(r right) bool { return r.verb != "get" })
		other.bind(ctx, account, there)
		Eventually(status).Should(MatchRegexp(`(?m)^spsc/sps \(` + other.namespace + `\) +✔ Synced`))
	})

	It("let connect fetch data again that are old, and each is needed", func(ctx context.Context) {
		name := s.start(ctx, "--activity", "Windows admin", "--resource", "win1.payments.example.com")
		later := terminal{now: func() time.Time { return time.Now().Add(time.Hour) }}
		connect := func(account string) func() run {
			return func() run {
				return later.pam(ctx, "-n", s.namespace, "--as", account, "session", "connect", name, "--print")
			}
		}
		rights := documented("session connect", "an RDP session whose data are old")
		Eventually(connect(s.account(ctx, rights))).Should(And(
			HaveField("Code", 0), HaveField("Err", ContainSubstring("are fetched again"))))
		for i, missing := range rights {
			Eventually(connect(s.account(ctx, slices.Delete(slices.Clone(rights), i, i+1)))).Should(And(
				HaveField("Code", 2), HaveField("Err", HaveSuffix(missing.named(s.namespace)+"\n"))))
		}
	})

	It("are told for all namespaces, too", func(ctx context.Context) {
		r := s.pam(ctx, "--as", "nobody", "status", "-A")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(MatchRegexp(`^error: you need list on \w+\.pam-operator\.io in the whole cluster`))
	})

	It("to see whether a manager runs are needed before anything is released", func(ctx context.Context) {
		var rights []right
		for _, r := range documented("release", "KIND/NAME") {
			if !r.cluster {
				rights = append(rights, r)
			}
		}
		account := s.account(ctx, rights)
		s.enough(ctx, account, []string{"status", "rdpcp/fine"})
		r := s.pam(ctx, "--as", account, "release", "rdpcp/fine", "--yes")
		Expect(r.Code).To(Equal(2), r.String())
		Expect(r.Err).To(MatchRegexp(`it cannot be seen whether a manager runs: you need list on \S+ in the whole cluster`))
	})

	It("end a wait at once if one is missing", func(ctx context.Context) {
		rights := documented("status", "KIND/NAME")
		account := s.account(ctx, rights)
		s.enough(ctx, account, []string{"status"})
		r := s.pam(ctx, "--as", account, "status", "rdpcp/fine", "--wait")
		if r.Code != 0 { // ready at the first look, before the watch
			Expect(r.Err).To(ContainSubstring("you need watch on rdpconnectionpolicies.pam-operator.io"))
		}
		r = s.pam(ctx, "--as", account, "status", "rdpcp/fine", "--watch")
		Expect(r.Code).To(Equal(2), r.String())
		Expect(r.Err).To(ContainSubstring(
			"you need watch on rdpconnectionpolicies.pam-operator.io in namespace " + s.namespace))
	})
})
