// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"
	"sigs.k8s.io/yaml"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/test/builder"
)

var crdDir = filepath.Join(root, "config", "crd", "bases")

// shared is a control plane with our kinds and with those of others that the chart can use.
var shared = sync.OnceValues(func() (*controlplane.ControlPlane, error) {
	plane, err := controlplane.Start(context.Background(), controlplane.Options{
		CRDDirs: []string{crdDir, filepath.Join("testdata", "crds")},
	})
	started = plane
	return plane, err
})

// started is that control plane, nil if no test needed it.
var started *controlplane.ControlPlane

func TestMain(m *testing.M) {
	ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard))) // the tests say what there is to say
	code := m.Run()
	if started != nil {
		if err := started.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func thePlane(t *testing.T) (*controlplane.ControlPlane, client.Client) {
	t.Helper()
	plane, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(plane.Config, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	return plane, c
}

// create creates what is not there yet.
func create(t *testing.T, c client.Client, objects ...client.Object) {
	t.Helper()
	for _, o := range objects {
		if err := client.IgnoreAlreadyExists(c.Create(t.Context(), o)); err != nil {
			t.Fatal(err)
		}
	}
}

// dryRun has the API server judge a manifest as it would when it is applied.
func dryRun(t *testing.T, plane *controlplane.ControlPlane, manifest string) {
	t.Helper()
	_, err := installation.Kubectl(t.Context(), plane.Kubectl(), manifest, "--kubeconfig="+plane.KubeconfigFile,
		"--cache-dir="+t.TempDir(), "apply", "--server-side", "--force-conflicts", "--dry-run=server", "-f", "-")
	if err != nil {
		t.Error(err)
	}
}

// TestTheAPIServerAcceptsEveryRendering includes Pod Security, which judges Pods only and not Deployments.
func TestTheAPIServerAcceptsEveryRendering(t *testing.T) {
	plane, c := thePlane(t)
	create(t, c,
		builder.Namespace(namespace, builder.Label("pod-security.kubernetes.io/enforce", "restricted")),
		builder.Namespace("pam-system"), builder.Namespace("payments"), builder.Namespace("monitoring"),
		&nodev1.RuntimeClass{ObjectMeta: metav1.ObjectMeta{Name: "gvisor"}, Handler: "runsc"})
	h := helm4(t)
	for _, name := range ciNames(t) {
		t.Run(name, func(t *testing.T) {
			text, err := h.template(t.Context(), chartDir, ciFile(name)...)
			if err != nil {
				t.Fatal(err)
			}
			dryRun(t, plane, text)
			template := deployment(t, decode(t, text)).Spec.Template
			template.Name, template.Namespace = "manager", namespace
			pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
			if err := c.Create(t.Context(), pod, client.DryRunAll); err != nil {
				t.Errorf("a pod of the Deployment: %v", err)
			}
		})
	}
}

// chartFile is Chart.yaml.
type chartFile struct {
	Version, AppVersion string
	Annotations         map[string]string
}

func readChartFile(t *testing.T) chartFile {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(chartDir, "Chart.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var out chartFile
	if err := yaml.Unmarshal(content, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// TestArtifactHubShowsWhatIsThere keeps the annotations of Chart.yaml from lagging behind.
func TestArtifactHubShowsWhatIsThere(t *testing.T) {
	chart := readChartFile(t)
	if chart.Version != chart.AppVersion {
		t.Errorf("version %s and appVersion %s differ", chart.Version, chart.AppVersion)
	}
	objects := helm4(t).render(t)
	image := deployment(t, objects).Spec.Template.Spec.Containers[0].Image
	if !strings.Contains(chart.Annotations["artifacthub.io/images"], "image: "+image+"\n") {
		t.Errorf("the image %s is not among the images", image)
	}
	for _, o := range objects {
		if o.GetKind() != "CustomResourceDefinition" {
			continue
		}
		kind, _, _ := unstructured.NestedString(o.Object, "spec", "names", "kind")
		want := fmt.Sprintf("- kind: %s\n  version: v1alpha1\n  name: %s\n", kind, o.GetName())
		if !strings.Contains(chart.Annotations["artifacthub.io/crds"], want) {
			t.Errorf("no %q among the CRDs", want)
		}
	}
	plane, c := thePlane(t)
	create(t, c, builder.Namespace("pam-system"), builder.Namespace("payments"))
	var examples []object
	if err := yaml.Unmarshal([]byte(chart.Annotations["artifacthub.io/crdsExamples"]), &examples); err != nil {
		t.Fatal(err)
	}
	for _, example := range examples {
		manifest, err := yaml.Marshal(example)
		if err != nil {
			t.Fatal(err)
		}
		dryRun(t, plane, string(manifest))
	}
}
