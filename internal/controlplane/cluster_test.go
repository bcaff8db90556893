// SPDX-License-Identifier: Apache-2.0

package controlplane_test

import (
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/controlplane"
)

// deadline is how long a busy machine may take for what takes an idle one milliseconds.
const deadline = time.Minute

func TestItBehavesLikeACluster(t *testing.T) {
	t.Parallel()
	cp, err := controlplane.Start(t.Context(), controlplane.Options{
		CRDDirs:           []string{"testdata"},
		Out:               t.Output(),
		ControllerManager: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]func(*testing.T, *controlplane.ControlPlane){
		"a deleted namespace goes with what is in it":        namespaceGoes,
		"an object goes with its owner":                      dependentGoes,
		"an object goes with its owner of an installed kind": dependentOfCustomOwnerGoes,
		"a finished job goes after its time to live":         jobRunsAndGoes,
		"a user may do what a role grants and nothing else":  userNeedsRole,
		"a kubeconfig is the user that it was made for":      kubeconfigsWork,
		"an admission policy is enforced":                    policyIsEnforced,
	}
	for name, check := range cases {
		t.Run(name, func(t *testing.T) { check(t, cp) })
	}

	if err := cp.Stop(); err != nil {
		t.Errorf("first stop: %v", err)
	}
	if err := cp.Stop(); err != nil {
		t.Errorf("second stop: %v", err)
	}
	if err := cp.Err(); err != nil {
		t.Errorf("the controller manager was stopped, yet: %v", err)
	}
	assertNothingLeft(t, filepath.Dir(cp.KubeconfigFile))
}

func namespaceGoes(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	g, c := NewWithT(t), newClient(t, cp.Config)
	namespace := createNamespace(t, c)
	content := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "content", Namespace: namespace.Name}}
	g.Expect(c.Create(t.Context(), content)).To(Succeed())

	g.Expect(c.Delete(t.Context(), namespace)).To(Succeed())
	expectGone(t, c, content)
	expectGone(t, c, namespace)
}

func dependentGoes(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	c := newClient(t, cp.Config)
	namespace := createNamespace(t, c)
	owner := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "owner", Namespace: namespace.Name}}
	expectDependentGoes(t, c, owner, func() metav1.OwnerReference {
		return metav1.OwnerReference{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID}
	})
}

func dependentOfCustomOwnerGoes(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	c := newClient(t, cp.Config)
	namespace := createNamespace(t, c)
	owner := newWidget(namespace.Name)
	expectDependentGoes(t, c, owner, func() metav1.OwnerReference {
		return *metav1.NewControllerRef(owner, owner.GroupVersionKind())
	})
}

func expectDependentGoes(t *testing.T, c client.Client, owner client.Object, reference func() metav1.OwnerReference) {
	t.Helper()
	g := NewWithT(t)
	g.Expect(c.Create(t.Context(), owner)).To(Succeed())
	dependent := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
		Name: "dependent", Namespace: owner.GetNamespace(), OwnerReferences: []metav1.OwnerReference{reference()},
	}}
	g.Expect(c.Create(t.Context(), dependent)).To(Succeed())

	g.Expect(c.Delete(t.Context(), owner)).To(Succeed())
	expectGone(t, c, dependent)
}

func jobRunsAndGoes(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	g, c := NewWithT(t), newClient(t, cp.Config)
	namespace := createNamespace(t, c)
	job := newJob(namespace.Name)
	g.Expect(c.Create(t.Context(), job)).To(Succeed())

	var pods corev1.PodList
	g.Eventually(func() ([]corev1.Pod, error) {
		err := c.List(t.Context(), &pods, client.InNamespace(namespace.Name))
		return pods.Items, err
	}).WithTimeout(deadline).Should(HaveLen(1))

	// There is no kubelet; the test plays its part.
	pod := &pods.Items[0]
	pod.Status.Phase = corev1.PodSucceeded
	g.Expect(c.Status().Update(t.Context(), pod)).To(Succeed())
	expectGone(t, c, job)
}

func userNeedsRole(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	g, admin := NewWithT(t), newClient(t, cp.Config)
	config, _, err := cp.AddUser("alice", "auditors")
	g.Expect(err).NotTo(HaveOccurred())
	alice := newClient(t, config)

	var secrets corev1.SecretList
	err = alice.List(t.Context(), &secrets, client.InNamespace("default"))
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "without a role: %v", err)

	grantSecretsToAuditors(t, admin)
	g.Eventually(func() error {
		return alice.List(t.Context(), &secrets, client.InNamespace("default"))
	}).WithTimeout(deadline).Should(Succeed(), "with a role for a group of hers")
	err = alice.List(t.Context(), &secrets)
	g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "in all namespaces: %v", err)
}

func kubeconfigsWork(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	g := NewWithT(t)
	admin, err := clientcmd.BuildConfigFromFlags("", cp.KubeconfigFile)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(newClient(t, admin).List(t.Context(), &corev1.SecretList{})).To(Succeed())

	_, kubeconfig, err := cp.AddUser("nobody")
	g.Expect(err).NotTo(HaveOccurred())
	nobody, err := clientcmd.RESTConfigFromKubeConfig(kubeconfig)
	g.Expect(err).NotTo(HaveOccurred())
	err = newClient(t, nobody).List(t.Context(), &corev1.SecretList{})
	g.Expect(err).To(MatchError(ContainSubstring(`User "nobody" cannot list resource "secrets"`)))
}

func policyIsEnforced(t *testing.T, cp *controlplane.ControlPlane) {
	t.Helper()
	g, c := NewWithT(t), newClient(t, cp.Config)
	createPolicy(t, c)
	labelled := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{
		Name: "labelled", Namespace: "default", Labels: map[string]string{"forbidden": "true"},
	}}
	// kube-apiserver takes a moment to pick up a policy.
	g.Eventually(func() error {
		return c.Create(t.Context(), labelled.DeepCopy(), client.DryRunAll)
	}).WithTimeout(deadline).Should(MatchError(ContainSubstring("this label is forbidden")))
}

func newClient(t *testing.T, config *rest.Config) client.Client {
	t.Helper()
	c, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func createNamespace(t *testing.T, c client.Client) *corev1.Namespace {
	t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-"}}
	if err := c.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	return namespace
}

func expectGone(t *testing.T, c client.Client, object client.Object) {
	t.Helper()
	NewWithT(t).Eventually(func() bool {
		return apierrors.IsNotFound(c.Get(t.Context(), client.ObjectKeyFromObject(object), object))
	}).WithTimeout(deadline).Should(BeTrue(), "%T %s is still there", object, object.GetName())
}
