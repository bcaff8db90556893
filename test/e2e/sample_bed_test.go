// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/internal/installation"
	"github.com/pam-operator/pam-operator/internal/simulator"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
)

const application = "pam-operator"

// sampleBed is a place for the objects of config/samples: two namespaces instead of pam-system and payments, simulated
// appliances, and a manager that watches the namespaces.
type sampleBed struct {
	*testing.T

	cluster *cluster
	sps     *simsps.Appliance
	nps     *simnps.Server
	running *simulator.Running
	// certificates is the folder with the CA and the client certificate.
	certificates string
	namespaces   map[string]string // by their names in the samples
	manager      *manager
}

func newSampleBed(t *testing.T, c *cluster, options simnps.Options) *sampleBed {
	t.Helper()
	options.Applications = []simnps.Application{{Login: application, APIKey: simnps.DefaultAPIKey}}
	b := &sampleBed{
		T: t, cluster: c, sps: simsps.New(simsps.Options{Users: map[string]string{spsUser: spsPassword}}),
		nps: simnps.New(options), certificates: t.TempDir(),
		namespaces: map[string]string{"pam-system": c.newNamespace("pam-system"), "payments": c.newNamespace("payments")},
	}
	var err error
	b.running, err = simulator.Serve(t.Context(), simulator.Config{
		Dir: b.certificates, ClientName: application, Listeners: []simulator.Listener{
			{Name: "sps", Handler: b.sps.Handler()}, {Name: "nps", Handler: b.nps.Handler()},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	b.sps.Put("aaa/local_database/users", "", map[string]any{"name": "bob"}) // a member of a sample's group
	b.sps.StartSession(simsps.AuditSession{ID: "svc/rpokH8fD9kx6CaxNLznKx2/test:12"})
	b.manager = newManager(t, c, b.namespaces["pam-system"]+","+b.namespaces["payments"])
	b.manager.start(t)
	return b
}

// render is a folder as kustomize renders it, fitted to the bed.
func (b *sampleBed) render(folder string) []*unstructured.Unstructured {
	b.Helper()
	return b.fit(b.cluster.kubectl(b.T, "", "kustomize", filepath.Join("..", "..", "config", folder)))
}

// read is a file of config, fitted to the bed.
func (b *sampleBed) read(file string) []*unstructured.Unstructured {
	b.Helper()
	content, err := os.ReadFile(filepath.Join("..", "..", "config", file))
	if err != nil {
		b.Fatal(err)
	}
	return b.fit(string(content))
}

// fit changes nothing but where objects are, addresses, credentials, and who applies them.
func (b *sampleBed) fit(manifest string) []*unstructured.Unstructured {
	b.Helper()
	objects, err := installation.Decode([]byte(manifest))
	if err != nil {
		b.Fatal(err)
	}
	for _, o := range objects {
		if here := b.namespaces[o.GetNamespace()]; here != "" {
			o.SetNamespace(here)
		}
		switch o.GetKind() {
		case "Namespace":
			o.SetName(b.namespaces[o.GetName()])
		case "Secret":
			b.fill(o)
		case "ConfigMap":
			b.set(o, b.file("ca.crt"), "data", "ca.crt")
		case "SPSConnection":
			b.set(o, b.running.URL("sps"), "spec", "url")
		case "NPSConnection":
			b.npsConnection(o)
		case "ActivitySession":
			b.set(o, b.namespaces["pam-system"], "spec", "connectionRef", "namespace")
			b.set(o, controlplane.Admin, "spec", "requestedBy")
		}
	}
	return objects
}

// fill gives a Secret the content that works.
func (b *sampleBed) fill(o *unstructured.Unstructured) {
	b.Helper()
	content := map[string]map[string]any{
		"sps-prod": {"username": spsUser, "password": spsPassword},
		"nps-app":  {"login": application, "apiKey": simnps.DefaultAPIKey},
		"nps-app-tls": {
			"tls.crt": b.file("client.crt"), "tls.key": b.file("client.key"),
		},
		"alice": {"password": "password of alice"},
	}[o.GetName()]
	if content == nil {
		b.Fatalf("Secret %s is not known", o.GetName())
	}
	b.set(o, content, "stringData")
}

// npsConnection makes polls frequent, so that no test waits for one.
func (b *sampleBed) npsConnection(o *unstructured.Unstructured) {
	b.Helper()
	b.set(o, b.running.URL("nps"), "spec", "url")
	b.set(o, map[string]any{"starting": "100ms", "active": "500ms"}, "spec", "polling")
	grants, _, err := unstructured.NestedSlice(o.Object, "spec", "grants")
	if err != nil {
		b.Fatal(err)
	}
	for _, each := range grants {
		if grant, isObject := each.(map[string]any); isObject {
			grant["namespaces"] = []any{b.namespaces["payments"]}
		}
	}
	b.set(o, grants, "spec", "grants")
}

func (b *sampleBed) file(name string) string {
	b.Helper()
	content, err := os.ReadFile(filepath.Join(b.certificates, name))
	if err != nil {
		b.Fatal(err)
	}
	return string(content)
}

func (b *sampleBed) set(o *unstructured.Unstructured, value any, field ...string) {
	b.Helper()
	if err := unstructured.SetNestedField(o.Object, value, field...); err != nil {
		b.Fatal(err)
	}
}

// apply applies an object server-side as a tool does, and returns what the API server has then.
func (b *sampleBed) apply(
	o *unstructured.Unstructured, tool string, options ...client.ApplyOption,
) (*unstructured.Unstructured, error) {
	applied := o.DeepCopy()
	options = append(slices.Clone(options), client.FieldOwner(tool), client.ForceOwnership)
	err := b.cluster.client.Apply(b.Context(), client.ApplyConfigurationFromUnstructured(applied), options...)
	return applied, err
}

// live is an object as the API server has it.
func (b *sampleBed) live(o *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	live := &unstructured.Unstructured{}
	live.SetGroupVersionKind(o.GroupVersionKind())
	return live, b.cluster.client.Get(b.Context(), client.ObjectKeyFromObject(o), live)
}

// eventually waits for a state that the manager brings about.
func (b *sampleBed) eventually(reached func(g Gomega)) {
	b.Helper()
	NewWithT(b.T).Eventually(func(g Gomega) {
		b.manager.alive()
		reached(g)
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}

// isOurs reports whether an object is of one of our kinds.
func isOurs(o *unstructured.Unstructured) bool {
	return o.GroupVersionKind().Group == pamv1alpha1.GroupVersion.Group
}
