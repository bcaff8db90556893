// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// exportedCount is how many policies are exported: of their size, they need several ConfigMaps.
const exportedCount = 150

// exportKills are the requests to the API server at which the manager is killed.
var exportKills = []struct {
	name string
	at   moment
	// after lets the API server act on the request first.
	after bool
}{
	{"begun, and the first part is in flight", moment{"API POST configmaps", 1}, false},
	{"the second part is written and not confirmed", moment{"API POST configmaps", 2}, true},
	{"all parts are written, and the status is in flight", moment{"API PATCH applianceexports.status", 2}, false},
	{"the status is written and not confirmed", moment{"API PATCH applianceexports.status", 2}, true},
}

// TestAnExportThatWasCutShortIsFinishedOnce kills the manager in the middle of an export. Until its successor is done,
// the status shows no part of a result; then it shows all of it, and there is nothing else.
func TestAnExportThatWasCutShortIsFinishedOnce(t *testing.T) {
	t.Parallel() // mostly waiting
	for _, kill := range exportKills {
		t.Run(kill.name, func(t *testing.T) {
			s := newExportBed(t)
			s.connect()
			killed := s.killAt(kill.at, kill.after)
			s.create()
			s.await(killed)
			s.expectAllOrNothing()
			s.manager.start(t)
			s.completed()
			s.expectEveryPolicyOnce()
			s.manager.stop(t)
		})
	}
}

// exportBed is an appliance with policies that somebody made by hand, and a manager that is reached through a tap.
type exportBed struct {
	*testing.T

	cluster *cluster
	site    *spsSite
	manager *manager
	api     *tap
	export  *pamv1alpha1.ApplianceExport
}

func newExportBed(t *testing.T) *exportBed {
	t.Helper()
	c := theCluster(t)
	namespace := c.newNamespace("export")
	s := &exportBed{
		T: t, cluster: c, site: newSPSSite(t, c, namespace, simsps.Options{Version: "8.0"}),
		manager: newManager(t, c, namespace),
		export:  builder.ApplianceExport("big", builder.InNamespace(namespace)),
	}
	s.export.Spec.Kinds, s.export.Spec.Names = []pamv1alpha1.PolicyKind{"RDPConnectionPolicy"}, []string{"policy-*"}
	server, err := apiServer(c.managerConfig)
	if err != nil {
		t.Fatal(err)
	}
	name := s.export.Name // the object itself is read anew while the tap serves requests
	s.api = &tap{server: server, class: func(r *http.Request) string { return writeClass(r, name) }}
	s.api.reset(nil, nil)
	s.manager.kubeconfig = serveAPI(t, s.api)
	rule := fmt.Sprintf(`{"authorizer": %q, "permission": "audit", "require_different_ip": false,
		"require_different_username": false, "subject": {"selection": "everybody"}}`, strings.Repeat("g", 250))
	rules := strings.TrimSuffix(strings.Repeat(rule+",", 32), ",")
	for i := range exportedCount {
		body, err := builder.RDPBody(fmt.Sprintf("policy-%04d", i), `{"access_control": [`+rules+`]}`)
		if err != nil {
			t.Fatal(err)
		}
		s.site.Put(rdpConnections, "", body)
	}
	return s
}

func (s *exportBed) connect() {
	s.Helper()
	s.manager.start(s.T)
	s.eventually(func(g Gomega) {
		c := builder.SPSConnection(builder.DefaultSPSConnection, builder.InNamespace(s.site.namespace))
		g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(c), c)).To(Succeed())
		g.Expect(readyReason(c.Status.Conditions)).To(Equal("True Synced"))
	})
}

// killAt arms the tap.
func (s *exportBed) killAt(at moment, after bool) *kill {
	killed := newKill(s.manager)
	s.api.reset(&strike{moment: at, after: after, over: make(chan struct{}), act: func() bool {
		killed.now()
		return false
	}}, nil)
	return killed
}

func (s *exportBed) create() {
	s.Helper()
	if err := s.cluster.client.Create(s.Context(), s.export); err != nil {
		s.Fatal(err)
	}
}

func (s *exportBed) await(killed *kill) {
	s.Helper()
	killed.await(s.T)
	s.api.disarm()
}

func (s *exportBed) get(g Gomega) {
	g.Expect(s.cluster.client.Get(s.Context(), client.ObjectKeyFromObject(s.export), s.export)).To(Succeed())
}

// expectAllOrNothing is what somebody sees while no manager runs.
func (s *exportBed) expectAllOrNothing() {
	s.Helper()
	g := NewWithT(s.T)
	s.get(g)
	if s.export.Status.Phase == pamv1alpha1.ExportCompleted {
		s.expectEveryPolicyOnce()
		return
	}
	g.Expect(s.export.Status.Phase).To(Equal(pamv1alpha1.ExportRunning))
	g.Expect(s.export.Status.Parts).To(BeEmpty())
	g.Expect(s.export.Status.Objects).To(BeEmpty())
}

func (s *exportBed) completed() {
	s.Helper()
	s.eventually(func(g Gomega) {
		s.get(g)
		g.Expect(s.export.Status.Phase).To(Equal(pamv1alpha1.ExportCompleted))
		g.Expect(readyReason(s.export.Status.Conditions)).To(Equal("True Completed"))
	})
}

// expectEveryPolicyOnce compares the ConfigMaps with the status: all that there are are listed, with their sums, and
// hold each policy once. The appliance was only read.
func (s *exportBed) expectEveryPolicyOnce() {
	s.Helper()
	g := NewWithT(s.T)
	list := &corev1.ConfigMapList{}
	g.Expect(s.cluster.client.List(s.Context(), list, client.InNamespace(s.site.namespace),
		client.MatchingLabels{pamv1alpha1.LabelExport: s.export.Name})).To(Succeed())
	found, listed, files := map[string]string{}, map[string]string{}, map[string]int{}
	for _, cm := range list.Items {
		found[cm.Name] = checksum(cm.Data)
		for file := range cm.Data {
			files[file]++
		}
	}
	for _, part := range s.export.Status.Parts {
		listed[part.Name] = part.SHA256
	}
	g.Expect(len(listed)).To(BeNumerically(">", 2), "the export must need several parts")
	g.Expect(found).To(Equal(listed))
	g.Expect(files).To(HaveLen(exportedCount))
	g.Expect(files).To(HaveEach(1))
	g.Expect(s.export.Status.Objects).To(ConsistOf(HaveField("Count", HaveValue(BeEquivalentTo(exportedCount)))))
	g.Expect(s.site.Stats()).To(SatisfyAll(HaveField("TransactionsOpened", 0), HaveField("Writes", 0)))
}

// checksum is that of a part, as the API describes it.
func checksum(data map[string]string) string {
	sum := sha256.New()
	for _, key := range slices.Sorted(maps.Keys(data)) {
		sum.Write([]byte(key + "\x00" + data[key] + "\x00"))
	}
	return hex.EncodeToString(sum.Sum(nil))
}

func (s *exportBed) eventually(reached func(g Gomega)) {
	s.Helper()
	NewWithT(s.T).Eventually(func(g Gomega) {
		s.manager.alive()
		reached(g)
	}).WithTimeout(within).WithPolling(100 * time.Millisecond).Should(Succeed())
}
