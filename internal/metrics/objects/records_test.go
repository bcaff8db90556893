// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	metadatafake "k8s.io/client-go/metadata/fake"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
)

// TestRecordsOfTheManagersNamespaceCount has a record in a watched namespace, in the manager's own, where the record of
// a namespace goes that is being deleted, and in one that is not watched.
func TestRecordsOfTheManagersNamespaceCount(t *testing.T) {
	t.Parallel()
	var existing []runtime.Object
	for _, namespace := range []string{"team", "pam-operator-system", "elsewhere"} {
		existing = append(existing, &metav1.PartialObjectMetadata{
			TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"},
			ObjectMeta: metav1.ObjectMeta{
				Namespace: namespace, Name: "leftover-localuser-1",
				Labels: map[string]string{pamv1alpha1.LabelLeftover: "localuser"},
			},
		})
	}
	for name, c := range map[string]struct {
		watched []string
		own     string
		want    int
	}{
		"all namespaces":                 {nil, "pam-operator-system", 3},
		"the manager's own is watched":   {[]string{"team", "pam-operator-system"}, "pam-operator-system", 2},
		"it is not":                      {[]string{"team"}, "pam-operator-system", 2},
		"the manager does not know it":   {[]string{"team"}, "", 1},
		"a namespace without a leftover": {[]string{"empty"}, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			scheme := metadatafake.NewTestScheme() // the client adds to it
			g.Expect(metav1.AddMetaToScheme(scheme)).To(Succeed())
			records, err := NewRecords(metadatafake.NewSimpleMetadataClient(scheme, existing...), c.watched, c.own)
			g.Expect(err).NotTo(HaveOccurred())
			ended := make(chan error, 1)
			go func() { ended <- records.Start(t.Context()) }()
			t.Cleanup(func() {
				if err := <-ended; err != nil {
					t.Error(err)
				}
			})
			g.Eventually(func() bool { _, known := records.Count(); return known }, time.Minute).Should(BeTrue())
			byKind, _ := records.Count()
			g.Expect(byKind["localuser"]).To(Equal(c.want))
		})
	}
}
