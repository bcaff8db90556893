// SPDX-License-Identifier: Apache-2.0

// Package admission proves on a real API server what the policies in config/admission refuse and what they allow. They
// are installed for the whole cluster, as in config/default; users and the manager have the shipped roles, and no
// others unless a test adds them.
package admission

import (
	"bytes"
	"context"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// team is the namespace of an application team, owners that of the owners of connections.
	team   = "payments"
	owners = "pam-owners"

	finalizer   = "pam-operator.io/finalizer"
	creating    = "pam-operator.io/creating"
	roleOfOurs  = "pam-operator-"
	allOfUsers  = "system:authenticated"
	managerVerb = "manage"
)

var (
	plane     *controlplane.ControlPlane
	cluster   client.Client // of an administrator
	installed installation.Installation
)

func TestAdmission(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(50 * time.Millisecond)
	RunSpecs(t, "Admission")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	// The control plane outlives this node, and the node's context ends with it.
	plane, err = controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{
		CRDDirs: []string{filepath.Join("..", "..", "config", "crd", "bases")}, ControllerManager: true,
	})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)
	Expect(pamv1alpha1.AddToScheme(scheme.Scheme)).To(Succeed())
	cluster, err = client.New(plane.Config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	installed, err = installation.Render(ctx, plane.Kubectl(), filepath.Join("..", "..", "config", "default"))
	Expect(err).NotTo(HaveOccurred())
	for _, object := range installed.Objects {
		Expect(cluster.Create(ctx, object.DeepCopy())).To(Succeed())
	}
	for _, name := range []string{team, owners} {
		Expect(cluster.Create(ctx, builder.Namespace(name))).To(Succeed())
	}
	inForce(ctx)
})

// inForce waits until every policy refuses something, because a new one takes effect a moment after its creation. Each
// request violates only one policy.
func inForce(ctx context.Context) {
	GinkgoHelper()
	nobody, somebody, ours := as("nobody"), as("somebody"), manager()
	all := rbacv1.PolicyRule{APIGroups: []string{pamv1alpha1.GroupVersion.Group}, Resources: []string{"*"}}
	all.Verbs = []string{"create"}
	allow(ctx, "nobody", team, all)
	all.Verbs = []string{"create", "use"}
	allow(ctx, "somebody", team, all)
	in := builder.InNamespace(team)
	tries := map[string]func() error{
		"needs the verb use": func() error { return nobody.Create(ctx, group("a"), client.DryRunAll) },
		"is set by the operator alone": func() error {
			return somebody.Create(ctx, finalized(builder.LocalUserGroup("a", in)), client.DryRunAll)
		},
		"needs the verb get on secrets": func() error {
			return nobody.Create(ctx, builder.SPSConnection("a", in), client.DryRunAll)
		},
		"the operator writes only Secrets": func() error {
			return ours.Create(ctx, builder.Secret("a", nil, in), client.DryRunAll)
		},
	}
	for words, try := range tries {
		Eventually(try).Should(MatchError(ContainSubstring(words)))
	}
}

// as returns a client for another user.
func as(name string, groups ...string) client.Client {
	GinkgoHelper()
	config := rest.CopyConfig(plane.Config)
	config.Impersonate = rest.ImpersonationConfig{UserName: name, Groups: append(groups, allOfUsers)}
	c, err := client.New(config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// manager returns a client for the manager's service account.
func manager() client.Client {
	GinkgoHelper()
	name, groups := installed.User()
	return as(name, groups...)
}

// bind binds a user to a shipped role, in one namespace.
func bind(ctx context.Context, name, namespace, role string) {
	GinkgoHelper()
	ref := rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: roleOfOurs + role}
	Expect(cluster.Get(ctx, client.ObjectKey{Name: ref.Name}, &rbacv1.ClusterRole{})).To(Succeed())
	subject(ctx, name, namespace, ref)
}

// allow gives a user a right in one namespace that no shipped role includes.
func allow(ctx context.Context, name, namespace string, rules ...rbacv1.PolicyRule) {
	GinkgoHelper()
	role := &rbacv1.Role{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "test-"}, Rules: rules}
	Expect(cluster.Create(ctx, role)).To(Succeed())
	subject(ctx, name, namespace, rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: role.Name})
}

func subject(ctx context.Context, name, namespace string, ref rbacv1.RoleRef) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, GenerateName: "test-"}, RoleRef: ref,
		Subjects: []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: name}},
	})).To(Succeed())
}

// group is an object that names no Secret.
func group(name string, options ...builder.Option) *pamv1alpha1.LocalUserGroup {
	return builder.LocalUserGroup(name, append([]builder.Option{
		builder.InNamespace(team), builder.Connection("sps", owners),
	}, options...)...)
}

func finalized[T client.Object](object T) T {
	object.SetFinalizers([]string{finalizer})
	return object
}

// everyKind is one object of each kind in the namespace of the team.
func everyKind(name string) []client.Object {
	in := builder.InNamespace(team)
	asked := func(o client.Object) {
		if session, ok := o.(*pamv1alpha1.ActivitySession); ok {
			session.Spec.RequestedBy = "admin"
		}
	}
	return builder.Every(name, in, asked)
}

// kubectl runs kubectl as a user, with these objects as standard input, and returns its output.
func kubectl(ctx context.Context, who string, objects []client.Object, arguments ...string) (string, error) {
	GinkgoHelper()
	manifest, err := builder.Manifest(objects...)
	Expect(err).NotTo(HaveOccurred())
	all := append([]string{"--kubeconfig=" + plane.KubeconfigFile, "--as=" + who}, arguments...)
	cmd := exec.CommandContext(ctx, plane.Kubectl(), all...)
	cmd.Stdin = strings.NewReader(manifest)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err = cmd.Run()
	return out.String(), err
}

// refused matches a refusal by a policy, in these words, rather than for lack of a right.
func refused(words string) OmegaMatcher {
	return SatisfyAll(Satisfy(apierrors.IsForbidden), MatchError(ContainSubstring("ValidatingAdmissionPolicy")),
		MatchError(ContainSubstring(words)))
}

func copyOf[T client.Object](object T) T {
	copied, _ := object.DeepCopyObject().(T)
	return copied
}
