// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// developer is somebody who has nothing but the editor roles that are shipped, in a namespace of his own.
type developer struct {
	client.Client

	namespace string
}

// shippedRoles creates the editor roles as they are shipped, once.
var shippedRoles = sync.OnceValue(func() (names []string) {
	GinkgoHelper()
	files, err := filepath.Glob(filepath.Join("..", "..", "config", "rbac", "*_editor_role.yaml"))
	Expect(err).NotTo(HaveOccurred())
	Expect(files).NotTo(BeEmpty())
	for _, file := range files {
		content, err := os.ReadFile(file)
		Expect(err).NotTo(HaveOccurred())
		role := &rbacv1.ClusterRole{}
		Expect(yaml.UnmarshalStrict(content, role)).To(Succeed())
		Expect(client.IgnoreAlreadyExists(k8s.Create(context.Background(), role))).To(Succeed())
		names = append(names, role.Name)
	}
	return names
})

// developer makes a namespace beside the site's and somebody who works in it.
func (s *site) developer(ctx context.Context) *developer {
	GinkgoHelper()
	d := &developer{namespace: s.namespace + "-dev"}
	s.create(ctx, builder.Namespace(d.namespace))
	for _, role := range shippedRoles() {
		s.create(ctx, &rbacv1.RoleBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: d.namespace, Name: role},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: d.namespace}},
		})
	}
	config := rest.CopyConfig(planeConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: d.namespace}
	var err error
	d.Client, err = client.New(config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(d.Status().Patch(ctx, builder.LocalUser("x", builder.InNamespace(d.namespace)),
		client.RawPatch("application/merge-patch+json", []byte(`{}`)))).To(MatchError(ContainSubstring("forbidden")))
	DeferCleanup(func(ctx context.Context) { (&site{namespace: d.namespace}).dropPolicies(ctx) })
	return d
}

// through puts an object into the developer's namespace and gives it the connection sps of a site.
func (d *developer) through(s *site, more ...builder.Option) []builder.Option {
	return append([]builder.Option{builder.InNamespace(d.namespace), builder.Connection("sps", s.namespace)}, more...)
}

// makes creates objects as the developer.
func (d *developer) makes(ctx context.Context, objects ...client.Object) {
	GinkgoHelper()
	for _, o := range objects {
		Expect(d.Create(ctx, o)).To(Succeed())
	}
}

// forged is what the developer may write into the metadata of an object to make it look like one of ours.
func forged(o client.Object) {
	o.SetFinalizers([]string{pamv1alpha1.Finalizer})
	o.SetAnnotations(map[string]string{"pam-operator.io/creating": o.GetName() + "@https://sps.example.com"})
}

// permits lets a developer manage what grants say, through the connection sps of the site.
func (s *site) permits(ctx context.Context, d *developer, grants ...pamv1alpha1.SPSGrant) {
	GinkgoHelper()
	change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
		c.Spec.AllowedNamespaces = &pamv1alpha1.AllowedNamespaces{From: pamv1alpha1.NamespacesFromAll}
		c.Spec.Grants = nil
		for _, g := range grants {
			g.Namespaces = []string{d.namespace}
			c.Spec.Grants = append(c.Spec.Grants, g)
		}
	})
	eventuallyReady(ctx, s.connection(ctx))
}

// recordsIn are the records of leftovers in a namespace.
func recordsIn(ctx context.Context, namespace string) []corev1.ConfigMap {
	GinkgoHelper()
	list := &corev1.ConfigMapList{}
	Expect(k8s.List(ctx, list, client.InNamespace(namespace), client.HasLabels{pamv1alpha1.LabelLeftover})).To(Succeed())
	return list.Items
}

// auditLines are the lines of the audit trail about a namespace.
func auditLines(namespace, action, result string) []string {
	var out []string
	for line := range strings.Lines(logs.String()) {
		if strings.Contains(line, `"action": "`+action+`"`) && strings.Contains(line, `"result": "`+result+`"`) &&
			strings.Contains(line, `"namespace": "`+namespace+`"`) {
			out = append(out, line)
		}
	}
	return out
}
