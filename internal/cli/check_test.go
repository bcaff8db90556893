// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"context"
	"encoding/json"
	"os"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// labelled gives the CRDs a version, as the chart does; an empty one takes it off.
func labelled(ctx context.Context, version string) {
	GinkgoHelper()
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	Expect(k8s.List(ctx, crds)).To(Succeed())
	value := `"` + version + `"`
	if version == "" {
		value = "null"
	}
	patch := client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"labels":{"app.kubernetes.io/version":`+value+`}}}`))
	for _, crd := range crds.Items {
		Expect(k8s.Patch(ctx, &crd, patch)).To(Succeed())
	}
}

// install creates what an installation has besides the CRDs. There are no nodes, so its status is written here.
//
// The chart's nameOverride has changed the name in the labels. retire has the manager stop.
func install(ctx context.Context) (retire func(context.Context)) {
	GinkgoHelper()
	namespace := builder.Namespace("pam-operator-system")
	labels := map[string]string{"app.kubernetes.io/name": "pam", "control-plane": "controller-manager"}
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "pam-operator", Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: new(int32(2)), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "manager", Image: "manager"}}},
			},
		},
	}
	now := metav1.NowMicro()
	lease := &coordinationv1.Lease{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace.Name, Name: "pam-operator.io"},
		Spec: coordinationv1.LeaseSpec{
			HolderIdentity: new("pam-operator-6c9f"), LeaseDurationSeconds: new(int32(3600)), RenewTime: &now,
		},
	}
	binding := &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "pam-operator-connection-use"},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName:        "pam-operator-connection-use",
			ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}
	Expect(client.IgnoreAlreadyExists(k8s.Create(ctx, namespace))).To(Succeed()) // one cannot be deleted here
	for _, o := range []client.Object{deployment, lease, binding} {
		Expect(k8s.Create(ctx, o)).To(Succeed())
		DeferCleanup(func(ctx context.Context) { Expect(client.IgnoreNotFound(k8s.Delete(ctx, o))).To(Succeed()) })
	}
	deployment.Status = appsv1.DeploymentStatus{Replicas: 2, ReadyReplicas: 2}
	Expect(k8s.Status().Update(ctx, deployment)).To(Succeed())
	labelled(ctx, "1.2.3")
	DeferCleanup(func(ctx context.Context) { labelled(ctx, "") })
	stop := renew(lease, 0) //nolint:contextcheck // it outlives the set-up
	return func(ctx context.Context) {
		stop()
		Expect(k8s.Delete(ctx, deployment)).To(Succeed())
		patch := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"leaseDurationSeconds":1}}`))
		Expect(k8s.Patch(ctx, lease, patch)).To(Succeed())
	}
}

// refusedConnection makes a connection whose credentials the appliance refuses. It is gone when the spec is, because it
// lets every check of the cluster fail.
func (s *site) refusedConnection(ctx context.Context) {
	GinkgoHelper()
	c := builder.SPSConnection("refused", builder.InNamespace(s.namespace), builder.URL(s.running.URL("sps")),
		builder.TrustedCA("ca"), builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.CredentialsSecretRef.Name = "wrong"
		}))
	s.create(ctx, builder.Secret("wrong", map[string]string{"username": "operator", "password": "no"},
		builder.InNamespace(s.namespace), builder.Type(pamv1alpha1.SecretTypeCredentials)), c)
	DeferCleanup(func(ctx context.Context) {
		Expect(k8s.Delete(ctx, c)).To(Succeed())
		Eventually(func() error { return k8s.Get(ctx, client.ObjectKeyFromObject(c), c) }).Should(
			WithTransform(apierrors.IsNotFound, BeTrue()))
	})
	s.in(ctx, "spsc/refused", "Unauthorized")
}

// Serial: the installation is the cluster's.
var _ = Describe("kubectl pam check", Ordered, Serial, func() {
	var s *site
	var retire func(context.Context)
	BeforeAll(func(ctx context.Context) {
		s = newSite(ctx)
		retire = install(ctx)
	})

	It("finds nothing wrong with a good installation", func(ctx context.Context) {
		r := s.pam(ctx, "check")
		for _, line := range []string{
			`✔ Kubernetes v1\.\d+\.\d+, needs 1\.30`,
			`✔ \d kinds of pam-operator.io/v1alpha1, version 1.2.3, as this plugin`,
			`✔ manager pam-operator-system/pam-operator: 2 of 2 ready`,
			`✔ leader pam-operator-6c9f renews its lease in namespace pam-operator-system`,
			`✔ admission policy connection-use: Deny`,
			`✔ spsc/sps \(` + s.namespace + `\): Synced`,
			`✔ you may see, request and change objects in namespace ` + s.namespace,
		} {
			Expect(r.Out).To(MatchRegexp(`(?m)^` + line + `$`))
		}
	})

	It("names a connection that needs its owner, and fails", func(ctx context.Context) {
		s.refusedConnection(ctx)
		Eventually(func() run { return s.pam(ctx, "check") }).Should(And(HaveField("Code", 1), HaveField("Out", And(
			ContainSubstring("✖ spsc/refused ("+s.namespace+"): Unauthorized since "),
			ContainSubstring("owner of the connection: docs/runbook.md#unauthorized"),
		))))
		var d struct {
			Kind  string
			Items []struct{ Check, Outcome, Message, Advice string }
		}
		Expect(json.Unmarshal([]byte(s.pam(ctx, "check", "-o", "json").Out), &d)).To(Succeed())
		Expect(d.Kind).To(Equal("Check"))
		Expect(d.Items).To(ContainElement(And(HaveField("Check", "connection"), HaveField("Outcome", "Failed"))))
	})

	It("finds what there is already before an installation", func(ctx context.Context) {
		r := s.pam(ctx, "check", "--pre")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(ContainSubstring("✔ you may install the operator"))
		Expect(r.Out).To(ContainSubstring("! there are CRDs of version 1.2.3 already"))
	})

	It("warns when plugin and operator do not fit, in every command", func(ctx context.Context) {
		Expect(s.pam(ctx, "status").Err).NotTo(ContainSubstring("this plugin is"))
		labelled(ctx, "1.4.0")
		Expect(s.pam(ctx, "status").Err).To(ContainSubstring("! this plugin is v1.2.3 and the operator 1.4.0"))
		Expect(s.pam(ctx, "version").Out).To(MatchRegexp(`(?m)^operator +1\.4\.0$`))
		Expect(s.pam(ctx, "check").Out).To(ContainSubstring("version 1.4.0; this plugin is v1.2.3"))
		labelled(ctx, "1.2.9")
		Expect(s.pam(ctx, "status").Err).NotTo(ContainSubstring("this plugin is"))
	})

	It("warns of a certificate that is not verified", func(ctx context.Context) {
		c := &pamv1alpha1.NPSConnection{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: "nps"}}
		change(ctx, c, func() { c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)} })
		Eventually(func() string { return s.pam(ctx, "check").Out }).Should(ContainSubstring(
			"! npsc/nps (" + s.namespace + "): Synced, but its certificate is not verified (insecureSkipVerify)"))
	})

	It("sees that nobody leads, as status and time-outs say", func(ctx context.Context) {
		const says = "! no manager seems to lead: kubectl pam check\n"
		Expect(s.pam(ctx, "status").Err).NotTo(ContainSubstring(says))
		retire(ctx)
		r := s.pam(ctx, "check") // just after it was renewed
		Expect(r.Code).To(Equal(1))
		Expect(r.Out).To(And(ContainSubstring("✖ no manager leads: pam-operator-6c9f did not renew its lease in namespace "+
			"pam-operator-system within 1s\n"), ContainSubstring("there is no Deployment of the manager")))
		Eventually(func() string { return s.pam(ctx, "status").Err }).Should(Equal(says))
		s.create(ctx, s.policy("waits", builder.Connection("missing", "")))
		r = s.pam(ctx, "status", "rdpcp/waits", "--wait", "--timeout", "1s")
		Expect(r.Code).To(Equal(124), r.String())
		Expect(r.Err).To(HaveSuffix(says + "error: the time limit passed\n"))
	})
})

var _ = Describe("kubectl pam version", func() {
	It("asks nobody with --client", func(ctx context.Context) {
		r := pam(ctx, "--server", "https://127.0.0.1:1", "version", "--client", "-o", "json")
		Expect(r.Code).To(BeZero(), r.String())
		var d map[string]string
		Expect(json.Unmarshal([]byte(r.Out), &d)).To(Succeed())
		Expect(d).To(HaveKeyWithValue("plugin", "v1.2.3"))
		Expect(d).To(HaveKeyWithValue("kind", "Version"))
	})

	It("is unknown to those who may not read CRDs", func(ctx context.Context) {
		r := pam(ctx, "--as", "nobody", "version")
		Expect(r.Code).To(BeZero(), r.String())
		Expect(r.Out).To(MatchRegexp(`(?m)^operator +unknown$`))
		Expect(r.Out).To(MatchRegexp(`(?m)^Kubernetes +v1`))
	})
})

var _ = Describe("the help", func() {
	It("prints scripts for completion", func(ctx context.Context) {
		for shell, part := range map[string]string{
			"bash": "__start_kubectl-pam", "zsh": "#compdef kubectl-pam", "fish": "complete -c kubectl-pam",
			"powershell": "Register-ArgumentCompleter", "kubectl": `kubectl pam __complete "$@"`,
		} {
			r := pam(ctx, "completion", shell)
			Expect(r.Code).To(BeZero(), r.String())
			Expect(r.Out).To(ContainSubstring(part), shell)
		}
		Expect(pam(ctx, "completion", "tcsh").Code).To(Equal(2))
		packed, err := os.ReadFile("../../hack/kubectl_complete-pam")
		Expect(err).NotTo(HaveOccurred())
		Expect(pam(ctx, "completion", "kubectl").Out).To(Equal(string(packed)), "what the archives of a release have")
	})

	It("completes kinds and names", func(ctx context.Context) {
		s := newSite(ctx)
		Expect(s.pam(ctx, "__complete", "status", "sp").Out).To(ContainSubstring("spsc/"))
		Expect(s.pam(ctx, "__complete", "status", "spsc/").Out).To(ContainSubstring("spsc/sps\n"))
		Expect(s.pam(ctx, "__complete", "status", "--connection", "").Out).To(And(
			ContainSubstring("sps\n"), ContainSubstring("nps\n")))
	})

	It("has the topics exit-codes and environment", func(ctx context.Context) {
		Expect(pam(ctx, "help", "exit-codes").Out).To(ContainSubstring("124  --timeout passed"))
		Expect(pam(ctx, "help", "environment").Out).To(ContainSubstring("NO_COLOR"))
		Expect(pam(ctx, "options").Out).To(ContainSubstring("--kubeconfig"))
		help := pam(ctx, "status", "--help").Out
		Expect(help).To(ContainSubstring("kubectl pam status [KIND | KIND/NAME ...]"))
		Expect(help).NotTo(ContainSubstring("--certificate-authority"))
	})

	It("suggests the command that was meant", func(ctx context.Context) {
		r := pam(ctx, "statu")
		Expect(r.Code).To(Equal(2))
		Expect(r.Err).To(ContainSubstring("status"))
	})
})
