// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// written adds policies of some size to the parts of an export, and returns what the status would list.
func written(c client.Client, e *pamv1alpha1.ApplianceExport, count, size int) ([]pamv1alpha1.ExportPart, error) {
	p := &parts{export: e, client: c, live: c}
	for i := range count {
		obj := builder.RDPConnectionPolicy(fmt.Sprintf("policy-%04d", i))
		obj.Spec.AccessControl = []pamv1alpha1.AccessControlRule{{Authorizer: strings.Repeat("a", size)}}
		if _, err := p.add(context.Background(), policies, obj); err != nil {
			return nil, err
		}
	}
	return p.close(context.Background())
}

func TestAPartFitsIntoAConfigMap(t *testing.T) {
	t.Parallel()
	c := fake.NewClientBuilder().Build()
	e := builder.ApplianceExport("big")
	e.UID = "1"
	listed, err := written(c, e, 1000, 3000)
	if err != nil {
		t.Fatal(err)
	}
	objects := int32(0)
	for _, part := range listed {
		cm := &corev1.ConfigMap{}
		if err := c.Get(t.Context(), client.ObjectKey{Namespace: e.Namespace, Name: part.Name}, cm); err != nil {
			t.Fatal(err)
		}
		size := 0
		for key, value := range cm.Data {
			size += len(key) + len(value)
		}
		if size > maxPart || checksum(cm.Data) != part.SHA256 || len(cm.Data) != int(*part.Objects) {
			t.Errorf("%s has %d bytes", part.Name, size)
		}
		objects += *part.Objects
	}
	if len(listed) != 4 || objects != 1000 {
		t.Errorf("%d parts with %d objects", len(listed), objects)
	}
}

// An attempt that was interrupted leaves whole parts, and the next one writes the others.
func TestWhatWasInterruptedIsContinued(t *testing.T) {
	t.Parallel()
	there := fake.NewClientBuilder().Build()
	e := builder.ApplianceExport("big")
	e.UID = "1"
	created := 0
	failing := interceptor.NewClient(there, interceptor.Funcs{Create: func(
		ctx context.Context, c client.WithWatch, obj client.Object, options ...client.CreateOption,
	) error {
		if created++; created == 3 {
			return errors.New("the API server does not answer")
		}
		return c.Create(ctx, obj, options...)
	}})
	if _, err := written(failing, e, 1000, 3000); err == nil {
		t.Fatal("the error is lost")
	}
	continued, err := written(failing, e, 1000, 3000)
	if err != nil {
		t.Fatal(err)
	}
	atOnce, err := written(fake.NewClientBuilder().Build(), e, 1000, 3000)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(atOnce, continued); diff != "" {
		t.Errorf("-at once +continued\n%s", diff)
	}
	list := &corev1.ConfigMapList{}
	if err := there.List(t.Context(), list); err != nil || len(list.Items) != len(continued) {
		t.Errorf("%d ConfigMaps for %d parts: %v", len(list.Items), len(continued), err)
	}
}

func TestAResultHasAnEnd(t *testing.T) {
	t.Parallel()
	e := builder.ApplianceExport("endless")
	_, err := written(fake.NewClientBuilder().Build(), e, 2*maxParts+1, maxPart*2/3)
	if err == nil || !strings.Contains(err.Error(), "one export for each of several kinds or names") {
		t.Errorf("%v", err)
	}
}

// An object that is read back as another one would be adopted as another one, or created.
func TestWhatYAMLDoesNotKeepIsNotExported(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"nel\u0085x": false, "both \u0085": false,
		"plain": true, " blanks ": true, "tab\there": true, "two\nlines": true, "\u2028": true, "\ufeffmark": true,
		"yes": true, "null": true, "~": true, "1e3": true, "0x10": true, "2026-01-01": true, "<<": true, "emoji 🔑": true,
		"\u00a0": true, "\u007f": false, "'\"\\": true, "# no comment": true, "a: b": true, "Größe\r": true,
	} {
		obj := builder.RDPConnectionPolicy("a")
		obj.Spec.PolicyName = name
		p := &parts{export: builder.ApplianceExport("e"), client: fake.NewClientBuilder().Build()}
		if added, err := p.add(t.Context(), policies, obj); err != nil || added != want || len(p.current) > 0 != want {
			t.Errorf("%q is exported: %v, %v", name, added, err)
		}
	}
}
