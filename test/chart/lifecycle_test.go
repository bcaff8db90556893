// SPDX-License-Identifier: Apache-2.0

package chart

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	// maxCRD bounds a CRD: kubectl apply writes the whole object into an annotation of at most 256 KiB.
	maxCRD = 200_000
	// maxRelease bounds the Secret in which Helm keeps a release, which holds at most 1 MiB.
	maxRelease = 700_000

	aCRD     = "localusers.pam-operator.io"
	newField = "addedByAnUpgrade"
)

func TestEachCRDFitsIntoAnAnnotation(t *testing.T) {
	for _, o := range helm4(t).render(t) {
		text, err := o.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > maxCRD {
			t.Errorf("%s has %d bytes, at most %d are allowed", identify(o), len(text), maxCRD)
		}
	}
}

// TestALife installs, upgrades, uninstalls and installs anew on a real API server, without nodes: the CRDs are
// upgraded, nothing is lost when the release goes, and another release can take over what was kept.
func TestALife(t *testing.T) {
	plane, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer plane.Stop() //nolint:errcheck // the test has said what there is to say
	c, err := client.New(plane.Config, client.Options{Scheme: newScheme(t)})
	if err != nil {
		t.Fatal(err)
	}
	h := helm4(t)
	run := func(arguments ...string) string {
		t.Helper()
		out, err := h.run(t.Context(), append(arguments, "--kubeconfig", plane.KubeconfigFile)...)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	in := []string{"--namespace", namespace}

	notes := run(append([]string{"install", release, chartDir, "--create-namespace"}, in...)...)
	for _, want := range []string{"It watches all namespaces", "--clusterrole=pam-operator-connection-user"} {
		if !strings.Contains(notes, want) {
			t.Errorf("no %q in the notes:\n%s", want, notes)
		}
	}
	if hasField(t, c) {
		t.Fatalf("the field %s exists already", newField)
	}
	expectSmallRelease(t, c)

	run(append([]string{"upgrade", release, upgradedChart(t), "--set", "replicas=3"}, in...)...)
	if !hasField(t, c) {
		t.Error("the CRD was not upgraded")
	}

	create(t, c, builder.Namespace("pam-system"))
	connection := builder.SPSConnection("sps", builder.InNamespace("pam-system"))
	if err := c.Create(t.Context(), connection); err != nil {
		t.Fatal(err)
	}
	run(append([]string{"uninstall", release}, in...)...)
	if !crd(t, c).DeletionTimestamp.IsZero() {
		t.Error("uninstalling deletes the CRDs, and with them every object")
	}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(connection), connection); err != nil {
		t.Errorf("uninstalling took the connection with it: %v", err)
	}

	// Somewhere else, with a name of its own.
	anew := []string{"install", "pam", chartDir, "--namespace", "pam", "--create-namespace"}
	_, err = h.run(t.Context(), append(anew, "--kubeconfig", plane.KubeconfigFile)...)
	if err == nil || !strings.Contains(err.Error(), "invalid ownership metadata") {
		t.Fatalf("another release took over the CRDs by itself: %v", err)
	}
	run(append(anew, "--take-ownership")...)
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(connection), connection); err != nil {
		t.Errorf("installing anew took the connection with it: %v", err)
	}
}

// TestTheNotesPrintTheRolesForOthers proves that the printed roles can be applied as they are.
func TestTheNotesPrintTheRolesForOthers(t *testing.T) {
	plane, c := thePlane(t)
	create(t, c, builder.Namespace("pam-system"), builder.Namespace("payments"))
	h := helm4(t)
	arguments := []string{"install", release, chartDir, "--namespace", namespace, "--dry-run=client"}
	out, err := h.run(t.Context(), append(arguments, ciFile("no-namespace-rights")...)...)
	if err != nil {
		t.Fatal(err)
	}
	_, notes, _ := strings.Cut(out, "NOTES:")
	_, printed, found := strings.Cut(notes, "\n---\n")
	end := strings.LastIndex(printed, "\n---\n")
	if !found || end < 0 {
		t.Fatalf("no manifest in the notes:\n%s", notes)
	}
	dryRun(t, plane, printed[:end])
	var got []string
	for _, o := range decode(t, printed[:end]) {
		got = append(got, identify(o))
	}
	want := "Role pam-system/pam-operator-manager-role RoleBinding pam-system/pam-operator-manager-rolebinding " +
		"Role payments/pam-operator-manager-role RoleBinding payments/pam-operator-manager-rolebinding"
	if strings.Join(got, " ") != want {
		t.Errorf("the notes have %v", got)
	}
}

func crd(t *testing.T, c client.Client) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	out := &apiextensionsv1.CustomResourceDefinition{}
	if err := c.Get(t.Context(), client.ObjectKey{Name: aCRD}, out); err != nil {
		t.Fatal(err)
	}
	return out
}

func hasField(t *testing.T, c client.Client) bool {
	t.Helper()
	_, found := crd(t, c).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties[newField]
	return found
}

// upgradedChart is a later version of the chart, with one more field in a CRD.
func upgradedChart(t *testing.T) string {
	t.Helper()
	dir := changedChart(t, "")
	file := filepath.Join(dir, "files", "crds", "pam-operator.io_localusers.yaml")
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	const before = "              connectionRef:\n"
	added := "              " + newField + ":\n                type: string\n"
	changed := strings.Replace(string(content), before, added+before, 1)
	if changed == string(content) {
		t.Fatal("the CRD has no place for a field")
	}
	if err := os.WriteFile(file, []byte(changed), 0o600); err != nil { //nolint:gosec // G703: a folder of our own
		t.Fatal(err)
	}
	return dir
}

func expectSmallRelease(t *testing.T, c client.Client) {
	t.Helper()
	secret := &corev1.Secret{}
	key := client.ObjectKey{Namespace: namespace, Name: "sh.helm.release.v1." + release + ".v1"}
	if err := c.Get(t.Context(), key, secret); err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, value := range secret.Data {
		size += len(value)
	}
	t.Logf("the release takes %d bytes", size)
	if size > maxRelease {
		t.Errorf("the release takes %d bytes, at most %d are allowed", size, maxRelease)
	}
}
