// SPDX-License-Identifier: Apache-2.0

package admission

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/installation"
)

var _ = Describe("config/default with every optional part", Ordered, func() {
	var objects []*unstructured.Unstructured

	BeforeAll(func(ctx context.Context) { objects = everything(ctx) })

	of := func(kind, name string) map[string]any {
		GinkgoHelper()
		for _, o := range objects {
			if o.GetKind() == kind && o.GetName() == "pam-operator-"+name {
				return o.Object
			}
		}
		Fail("there is no " + kind + " " + name)
		return nil
	}
	text := func(object map[string]any, path ...string) string {
		GinkgoHelper()
		value, found, err := unstructured.NestedString(object, path...)
		Expect(err).NotTo(HaveOccurred())
		Expect(found).To(BeTrue(), strings.Join(path, "."))
		return value
	}
	first := func(object map[string]any, path ...string) map[string]any {
		GinkgoHelper()
		list, _, err := unstructured.NestedSlice(object, path...)
		Expect(err).NotTo(HaveOccurred())
		Expect(list).NotTo(BeEmpty())
		member, _ := list[0].(map[string]any)
		return member
	}

	It("verifies whose metrics are read before a token is sent", func() {
		for _, o := range objects {
			if o.GetKind() != "CustomResourceDefinition" {
				Expect(skips(o.Object)).To(BeFalse(), "%s %s", o.GetKind(), o.GetName())
			}
		}
		endpoint := first(of("ServiceMonitor", "controller-manager-metrics-monitor"), "spec", "endpoints")
		certificate := of("Certificate", "metrics-server")
		names, _, err := unstructured.NestedStringSlice(certificate, "spec", "dnsNames")
		Expect(err).NotTo(HaveOccurred())
		service := of("Service", "controller-manager-metrics-service")
		Expect(names).To(Equal([]string{
			text(service, "metadata", "name") + "." + text(service, "metadata", "namespace") + ".svc",
		}))
		Expect(text(endpoint, "tlsConfig", "serverName")).To(Equal(names[0]))
		Expect(text(endpoint, "tlsConfig", "ca", "secret", "name")).To(Equal(text(certificate, "spec", "secretName")))

		issuer := of("Issuer", "metrics-ca")
		Expect(text(certificate, "spec", "issuerRef", "name")).To(Equal(text(issuer, "metadata", "name")))
		ca := of("Certificate", "metrics-ca")
		Expect(text(ca, "spec", "secretName")).To(Equal(text(issuer, "spec", "ca", "secretName")))

		pod := of("Deployment", "controller-manager")
		volume := first(pod, "spec", "template", "spec", "volumes")
		Expect(text(volume, "secret", "secretName")).To(Equal(text(certificate, "spec", "secretName")))
		container := first(pod, "spec", "template", "spec", "containers")
		mount := first(container, "volumeMounts")
		Expect(text(mount, "name")).To(Equal(text(volume, "name")))
		arguments, _, err := unstructured.NestedStringSlice(container, "args")
		Expect(err).NotTo(HaveOccurred())
		Expect(arguments).To(ContainElement("--metrics-cert-dir=" + text(mount, "mountPath")))
	})

	It("lets a node be drained, however many replicas there are", func() {
		budget, _ := of("PodDisruptionBudget", "controller-manager")["spec"].(map[string]any)
		Expect(budget).To(HaveKeyWithValue("maxUnavailable", BeEquivalentTo(1)))
		Expect(budget).NotTo(HaveKey("minAvailable"))
	})
})

// skips reports whether verification of certificates is off anywhere in an object.
func skips(value any) bool {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if key == "insecureSkipVerify" && member != false || skips(member) {
				return true
			}
		}
	case []any:
		for _, member := range v {
			if skips(member) {
				return true
			}
		}
	}
	return false
}

// everything renders config/default with all optional parts uncommented.
func everything(ctx context.Context) []*unstructured.Unstructured {
	GinkgoHelper()
	root := filepath.Join("..", "..")
	content, err := os.ReadFile(filepath.Join(root, "config", "default", "kustomization.yaml"))
	Expect(err).NotTo(HaveOccurred())
	// The overlay is inside the repository, because kustomize accepts only relative paths.
	dist := filepath.Join(root, "dist")
	Expect(os.MkdirAll(dist, 0o750)).To(Succeed())
	overlay, err := os.MkdirTemp(dist, "everything.")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, overlay)
	file := filepath.Join(overlay, "kustomization.yaml")
	parts := strings.ReplaceAll(strings.ReplaceAll(string(content), "\n#- ../", "\n- ../"), "- ../", "- ../../config/")
	Expect(strings.Count(parts, "- ../../config/")).To(BeNumerically(">=", 7))
	Expect(os.WriteFile(file, []byte(parts), 0o600)).To(Succeed()) //nolint:gosec // G703: a folder of our own
	rendered, err := exec.CommandContext(ctx, plane.Kubectl(), "kustomize", overlay).Output()
	Expect(err).NotTo(HaveOccurred())
	objects, err := installation.Decode(rendered)
	Expect(err).NotTo(HaveOccurred())
	return objects
}
