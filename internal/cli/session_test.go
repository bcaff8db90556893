// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// start requests a session by the plugin, and returns its name.
func (s *site) start(ctx context.Context, more ...string) string {
	GinkgoHelper()
	r := s.pam(ctx, append([]string{
		"session", "start", "--connection", "nps", "--activity", "Linux root", "--resource", builder.DefaultResource,
		"-o", "name", "--timeout", patience.String(),
	}, more...)...)
	Expect(r.Code).To(BeZero(), r.String())
	return strings.TrimSpace(strings.TrimPrefix(r.Out, "activitysession.pam-operator.io/"))
}

var _ = Describe("kubectl pam session", Ordered, func() {
	var s *site
	var name string
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		name = s.start(ctx, "--duration", "1h", "--ticket", "CHG-1234")
	})

	It("requests a session for whom the API server knows, and shows its way", func(ctx context.Context) {
		r := s.pam(ctx, "session", "start", "--connection", "nps", "--activity", "Linux root", "--resource",
			builder.DefaultResource)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`^connect: kubectl pam session connect linux-root-\w{5} -n ` + s.namespace +
			`\nend:     kubectl pam session cancel linux-root-\w{5} -n ` + s.namespace + `\n$`))
		Expect(r.Err).To(MatchRegexp(`(?m)^session linux-root-\w{5} requested$`))
		Expect(r.Err).To(MatchRegexp(`(?m)^ +\d+s  Active +ends \d\d:\d\d:\d\d `))
		o := &pamv1alpha1.ActivitySession{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, o)).To(Succeed())
		Expect(o.Spec.RequestedBy).To(Equal("admin"))
		Expect(o.Spec.Ticket).To(Equal("CHG-1234"))
	})

	It("lists sessions", func(ctx context.Context) {
		r := terminal{env: map[string]string{"COLUMNS": "120"}}.pam(ctx, "-n", s.namespace, "session", "list")
		Expect(r.Code).To(BeZero())
		Expect(r.Out).To(MatchRegexp(`(?m)^NAME +STATE +ACTIVITY +TARGET +BY +ENDS +AGE$`))
		Expect(steady(r.Out)).To(MatchRegexp(
			`(?m)^` + name + ` +✔ Active +Linux root +db1\.payments\.example\.com +admin +AGE`))
		plain := terminal{env: map[string]string{"COLUMNS": "80", "LANG": "C"}}
		narrow := plain.pam(ctx, "-n", s.namespace, "session", "list")
		Expect(narrow.Out).To(ContainSubstring("+ Active"))
		var d struct {
			Kind  string
			Items []struct{ Name, Phase, Secret, Target string }
		}
		Expect(json.Unmarshal([]byte(s.pam(ctx, "session", "list", "-o", "json").Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("SessionList"))
		Expect(d.Items).To(ContainElement(And(
			HaveField("Name", name), HaveField("Phase", "Active"), HaveField("Secret", name))))
	})

	It("says where a session leads, and shows its token only if asked to", func(ctx context.Context) {
		r := s.pam(ctx, "session", "connect", name, "--print")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("ssh://...@nps-proxy.lab.test:4422\n"))
		secret := &corev1.Secret{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: name}, secret)).To(Succeed())
		url := string(secret.Data["ssh-url"])
		Expect(url).NotTo(BeEmpty())
		Expect(r.Out + r.Err).NotTo(ContainSubstring(strings.Split(strings.TrimPrefix(url, "ssh://"), "@")[0]))
		Expect(s.pam(ctx, "session", "connect", name, "--print", "--show-token").Out).To(Equal(url + "\n"))
	})

	It("runs the client with a private file that is gone afterwards, and ends with its code", func(ctx context.Context) {
		folder := GinkgoT().TempDir()
		client := filepath.Join(folder, "client")
		script := "#!/bin/sh\nstat -c '%a %n' \"$2\" \"$(dirname \"$2\")\"; grep -c HostName \"$2\"; echo \"$1\"; exit 7\n"
		Expect(os.WriteFile(client, []byte(script), 0o700)).To(Succeed())
		r := terminal{env: map[string]string{"XDG_RUNTIME_DIR": folder}}.pam(ctx, "-n", s.namespace,
			"session", "connect", name, "--with", client, "--", "option")
		Expect(r.Code).To(Equal(7), r.String())
		Expect(r.Out).To(MatchRegexp(`^600 ` + folder + `/kubectl-pam-\d+/ssh_config\n700 .*\n1\noption\n$`))
		left, err := filepath.Glob(filepath.Join(folder, "kubectl-pam-*"))
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeEmpty())
	})

	It("does not use a Secret that is not the session's own", func(ctx context.Context) {
		s.create(ctx, builder.ActivitySession("forged", builder.InNamespace(s.namespace), builder.Connection("nps", ""),
			builder.RequestedBy("admin"), builder.With(func(o *pamv1alpha1.ActivitySession) {
				o.Spec.ConnectionSecret = &pamv1alpha1.ConnectionSecret{Name: "forged"}
			})))
		s.ready(ctx, "as/forged")
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "forged"}}
		change(ctx, secret, func() { secret.OwnerReferences = nil })
		r := s.pam(ctx, "session", "connect", "forged", "--print")
		Expect(r.Code).NotTo(BeZero(), r.String())
	})

	It("executes nothing that somebody else has written into the Secret", func(ctx context.Context) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		before := secret.DeepCopy()
		folder := GinkgoT().TempDir()
		program := filepath.Join(folder, "client")
		Expect(os.WriteFile(program, []byte("#!/bin/sh\ncat \"$1\"\n"), 0o700)).To(Succeed())
		change(ctx, secret, func() {
			secret.Data["ssh-config"] = append(secret.Data["ssh-config"], "  ProxyCommand touch pwned\n"...)
			secret.Data["host"] = []byte("-oProxyCommand=touch pwned")
		})
		r := terminal{env: map[string]string{"XDG_RUNTIME_DIR": folder}}.pam(ctx, "-n", s.namespace,
			"session", "connect", name, "--with", program)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(And(ContainSubstring("HostName "+string(before.Data["host"])), Not(ContainSubstring("pwned"))))
		Eventually(func() map[string][]byte {
			Expect(k8s.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
			return secret.Data
		}).Should(HaveKeyWithValue("ssh-config", before.Data["ssh-config"]))
		Eventually(func() string { return s.pam(ctx, "session", "logs", name).Out }).Should(MatchRegexp(
			`Conflict +somebody else has written into Secret ` + s.namespace + "/" + name))
	})

	It("has the data fetched again", func(ctx context.Context) {
		r := s.pam(ctx, "session", "refresh", name)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("✔ the connection data of " + name + " were fetched again\n"))
	})

	It("lets a session last longer", func(ctx context.Context) {
		r := s.pam(ctx, "session", "extend", name, "--by", "30m")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`^✔ session ` + name + ` ends \d\d:\d\d:\d\d \((89m|90m)\)\n$`))
		Expect(s.pam(ctx, "session", "extend", name, "--to", time.Now().UTC().Format(time.RFC3339)).Code).To(Equal(1))
		Expect(s.pam(ctx, "session", "extend", name).Code).To(Equal(2))
		Expect(s.pam(ctx, "session", "extend", name, "--to", "soon").Code).To(Equal(2))
	})

	It("says at once why a session was not extended", func(ctx context.Context) {
		Expect(s.nps.Faults().Set(fault.Rule{
			Name: "extend", Method: "POST", Path: "/Extend$", Status: 400,
		})).To(Succeed())
		DeferCleanup(func() { s.nps.Faults().Remove("extend") })
		r := s.pam(ctx, "session", "extend", s.start(ctx, "--duration", "1h"), "--by", "30m", "--timeout", "10s")
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Err).To(ContainSubstring("; the server did not extend it"))
	})

	It("does not change what a GitOps tool applies, unless forced to", func(ctx context.Context) {
		o := &pamv1alpha1.ActivitySession{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: name}}
		change(ctx, o, func() {
			metav1.SetMetaDataAnnotation(&o.ObjectMeta, "argocd.argoproj.io/tracking-id",
				"payments-prod:pam-operator.io/ActivitySession:x/y")
		})
		r := s.pam(ctx, "session", "extend", name, "--by", "30m")
		Expect(r.Code).To(Equal(2), r.String())
		Expect(r.Err).To(Equal("error: as/" + name + " belongs to the Argo CD application payments-prod: set " +
			"spec.duration: 2h0m0s in Git instead, or add --force to change it here nevertheless\n"))
		Expect(s.pam(ctx, "session", "refresh", name).Code).To(BeZero(), "an annotation is no change of the spec")
		Expect(s.pam(ctx, "session", "extend", name, "--by", "30m", "--force").Code).To(BeZero())
	})

	It("tells what happened", func(ctx context.Context) {
		r := s.pam(ctx, "session", "logs", name)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`(?m)^\S+Z  phase   Active`))
		Expect(s.pam(ctx, "session", "logs", name, "-o", "json").Out).To(ContainSubstring(`"kind": "SessionLog"`))
	})

	It("ends a session, and keeps the record", func(ctx context.Context) {
		r := s.pam(ctx, "session", "cancel", name, "--dry-run")
		Expect(r.Out).To(Equal("session " + name + " would be ended (dry run)\n"))
		r = s.pam(ctx, "session", "cancel", name)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("✔ session " + name + " is over\n"))
		Expect(s.pam(ctx, "session", "list").Out).To(MatchRegexp(name + ` +✔ Cancelled`))
		Expect(s.pam(ctx, "session", "list", "--live").Out).NotTo(ContainSubstring(name))
		for _, useless := range [][]string{{"connect", name}, {"refresh", name}, {"extend", name, "--by", "1m"}} {
			Expect(s.pam(ctx, append([]string{"session"}, useless...)...).Code).To(Equal(1), useless[0])
		}
		Expect(s.pam(ctx, "session", "cancel", name, "--delete").Code).To(BeZero())
		Eventually(func() run { return s.pam(ctx, "session", "logs", name) }).Should(HaveField("Code", 2))
	})

	It("ends a session whose object goes with it", func(ctx context.Context) {
		file := filepath.Join(GinkgoT().TempDir(), "request.yaml")
		Expect(os.WriteFile(file, []byte("apiVersion: pam-operator.io/v1alpha1\nkind: ActivitySession\n"+
			"spec: {ttlSecondsAfterFinished: 0}\n"), 0o600)).To(Succeed())
		brief := s.start(ctx, "--from", file)
		r := s.pam(ctx, "session", "cancel", brief)
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(Equal("✔ session " + brief + " is over\n"))
	})

	It("answers no if the session fails", func(ctx context.Context) {
		s.nps.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(time.Hour) })
		DeferCleanup(func() {
			s.nps.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(50 * time.Millisecond) })
		})
		ended := make(chan run, 1)
		go func() {
			ended <- s.pam(ctx, "session", "start", "--name", "fails", "--connection", "nps", "--activity", "Linux root",
				"--resource", builder.DefaultResource)
		}()
		Eventually(func() error {
			o := &pamv1alpha1.ActivitySession{}
			if err := k8s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: "fails"}, o); err != nil {
				return err
			}
			return s.nps.Fail(o.Status.SessionID, "no such host")
		}).Should(Succeed())
		r := <-ended
		Expect(r.Code).To(Equal(1), r.String())
		Expect(r.Err).To(ContainSubstring("error: the session is over: ProvisioningFailed"))
	})

	It("gives up after --timeout, and says how to withdraw the request", func(ctx context.Context) {
		s.nps.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(time.Hour) })
		r := s.pam(ctx, "session", "start", "--name", "slow", "--connection", "nps", "--activity", "Linux root",
			"--resource", builder.DefaultResource, "--timeout", "2s")
		Expect(r.Code).To(Equal(124), r.String())
		Expect(r.Err).To(ContainSubstring("to withdraw it: kubectl pam session cancel slow -n " + s.namespace))
		Expect(s.pam(ctx, "session", "cancel", "slow").Code).To(BeZero())
	})

	It("runs a command with a session of its own", func(ctx context.Context) {
		s.nps.SetSwitches(func(o *simnps.Switches) { o.ProvisioningDelay = simnps.Duration(50 * time.Millisecond) })
		for _, c := range []struct{ width, locale, golden string }{
			{"80", "C", "+ Active, ends CLOCK (AGE)\n+ session ended, lasted AGE, command returned 0\n"},
			{"120", "en_GB.UTF-8", "✔ Active, ends CLOCK (AGE)\n✔ session ended, lasted AGE, command returned 0\n"},
		} {
			r := terminal{env: map[string]string{"COLUMNS": c.width, "LANG": c.locale}}.pam(ctx, "-n", s.namespace,
				"session", "run", "--connection", "nps", "--activity", "Linux root", "--resource", builder.DefaultResource,
				"--", "sh", "-c", `echo $PAM_HOST $PAM_PORT; cut -d " " -f 1-3 "$PAM_DIR/ssh_config"`)
			Expect(r.Code).To(BeZero(), r.String())
			Expect(r.Out).To(HavePrefix("nps-proxy.lab.test 4422\nHost pam\n  HostName\n"))
			Expect(steady(r.Err)).To(HaveSuffix(c.golden))
		}
	})

	It("refuses to run what makes no sense", func(ctx context.Context) {
		for _, wrong := range [][]string{
			{}, {"true"}, {"--", "true"}, {"--connection", "nps", "--activity", "a", "--resource", "r"}, {"--nonsense"},
			{"REQUEST", "--max-duration", "1h", "--duration", "2h", "--", "true"}, {"REQUEST", "--env", "--hold"},
			{"REQUEST", "--known-hosts", "/nonexistent", "--", "true"}, {"REQUEST", "--hold", "--", "true"},
			{"REQUEST", "--bind", "node", "--", "true"}, {"REQUEST", "--bind", "pod", "--", "true"},
			{"REQUEST", "--group-readable", "--", "true"}, {"REQUEST", "--write-only", "/nonexistent"},
		} {
			if len(wrong) > 0 && wrong[0] == "REQUEST" {
				wrong = append([]string{
					"--connection", "nps", "--activity", "Linux root", "--resource", builder.DefaultResource,
				}, wrong[1:]...)
			}
			r := s.pam(ctx, append([]string{"session", "run"}, wrong...)...)
			Expect(r.Code).To(Equal(125), strings.Join(wrong, " "))
			Expect(r.Err).To(HavePrefix("error: "))
		}
	})

	It("asks nobody for a session whose Secret it may not read", func(ctx context.Context) {
		rights := slices.DeleteFunc(documented("session run"), func(r right) bool { return r.resource == "secrets" })
		account := s.account(ctx, rights)
		s.enough(ctx, account, []string{"session", "list"})
		before := len(s.nps.Sessions())
		r := s.pam(ctx, "--as", account, "session", "run", "--connection", "nps", "--activity", "Linux root", "--resource",
			builder.DefaultResource, "--", "true")
		Expect(r.Code).To(Equal(125), r.String())
		Expect(r.Err).To(HaveSuffix("you need get on secrets in namespace " + s.namespace + " (docs/cli.md#rights)\n"))
		Expect(s.nps.Sessions()).To(HaveLen(before))
	})

	It("refuses a request that says too little", func(ctx context.Context) {
		for _, wrong := range [][]string{
			{}, {"--connection", "nps"}, {"--connection", "nps", "--activity", "a"},
			{"--connection", "nps", "--activity", "a", "--resource", "r", "--credential", "c"},
			{"--from", "/nonexistent"},
		} {
			Expect(s.pam(ctx, append([]string{"session", "start"}, wrong...)...).Code).To(Equal(2), strings.Join(wrong, " "))
		}
		r := s.pam(ctx, "session", "start", "--connection", "nps", "--activity", "a", "--resource", "r", "--duration", "1s")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("duration must be a duration from 1m to 8760h"))
	})
})
