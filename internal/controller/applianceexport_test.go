// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/simulator/fault"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// fillByHand puts one policy for each form of each field onto the appliance, and users and groups, as administrators
// would.
func (s *site) fillByHand() {
	GinkgoHelper()
	for i, name := range slices.Sorted(maps.Keys(builder.RDPFields)) {
		s.byHand(fmt.Sprintf("%02d: %s", i, name), builder.RDPFields[name].Wire)
	}
	alice := s.sps.Put(spsUsers, "", map[string]any{"name": "alice"})
	bob := s.sps.Put(spsUsers, "", map[string]any{"name": "Bob Übel"})
	s.sps.Put(spsGroups, "", map[string]any{"name": "rdp-auditors", "members": []any{alice, bob}})
	s.sps.Put(spsGroups, "", map[string]any{"name": "Approvers", "members": []any{bob}})
	s.sps.Put(spsGroups, "", map[string]any{"name": "nobody", "members": []any{}})
}

var _ = onEverySPS("What is exported from an appliance", func() {
	It("is applied as it is: everything is adopted, and nothing is written", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.fillByHand()
		before := s.configuration()
		e := s.export(ctx, "everything")
		objects := exported(ctx, e)
		Expect(len(objects)).To(BeNumerically(">=", len(builder.RDPFields)+5), message(ctx, e))
		Expect(e.Status.ConfigHash).To(Equal(s.sps.Stats().ConfigHash))

		for i, object := range applied(ctx, objects) {
			Eventually(ready(ctx, object)).Should(Equal("True Synced"), func() string { return describe(object) })
			policy, _, _ := unstructured.NestedString(objects[i].Object, "spec", "adoptionPolicy")
			Expect(policy).To(Equal("IfIdentical"))
		}
		Expect(s.configuration()).To(Equal(before))
		Expect(s.sps.Stats()).To(SatisfyAll(HaveField("TransactionsOpened", 0), HaveField("Writes", 0)))
		By("unmanaged is then nothing")
		s.look(ctx)
		Eventually(s.unmanaged(ctx)).Should(Equal(map[string]int{
			"RDPConnectionPolicy": 0, "LocalUser": 0, "LocalUserGroup": 0,
		}))
		Expect(s.export(ctx, "the-rest", exporting(func(spec *pamv1alpha1.ApplianceExportSpec) {
			spec.Selection = pamv1alpha1.ExportUnmanaged
		})).Status.Parts).To(BeEmpty())
	})

	It("refers to what it uses by name, and to members by their objects", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("RDP demo", builder.RDPFields["policies by key"].Wire)
		alice := s.sps.Put(spsUsers, "", map[string]any{"name": "alice"})
		s.sps.Put(spsGroups, "", map[string]any{"name": "Night shift", "members": []any{alice}})
		objects := map[string]*unstructured.Unstructured{}
		for _, o := range exported(ctx, s.export(ctx, "named")) {
			objects[o.GetKind()+" "+o.GetName()] = o
		}
		spec := objects["RDPConnectionPolicy rdp-demo"].Object["spec"]
		Expect(spec).To(HaveKeyWithValue("policyName", "RDP demo"))
		Expect(spec).To(HaveKeyWithValue("policies", SatisfyAll(
			HaveKeyWithValue("channel", HaveKeyWithValue("name", "terminal-only")),
			HaveKeyWithValue("backup", HaveKeyWithValue("name", "nightly")),
			HaveKeyWithValue("aaPlugin", HaveKeyWithValue("name", "mfa")),
		)))
		Expect(objects["LocalUserGroup night-shift"].Object["spec"]).To(HaveKeyWithValue("members",
			ConsistOf(HaveKeyWithValue("userRef", HaveKeyWithValue("name", "alice")))))
		Expect(objects["LocalUser alice"].Object["spec"]).NotTo(HaveKey("passwordSecretRef"))
	})

	It("does not adopt what was changed by hand since, and says where", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		s.byHand("kept", `{}`)
		changed := s.byHand("changed", `{}`)
		objects := exported(ctx, s.export(ctx, "before", exporting(func(spec *pamv1alpha1.ApplianceExportSpec) {
			spec.Kinds = []pamv1alpha1.PolicyKind{"RDPConnectionPolicy"}
			spec.Names = []string{"kept", "chan?ed"}
		})))
		Expect(objects).To(HaveLen(2))
		s.editUnseen(rdpConnections, changed, map[string]any{"active": false})
		for _, object := range applied(ctx, objects) {
			if object.GetName() == "kept" {
				Eventually(ready(ctx, object)).Should(Equal("True Synced"), func() string { return describe(object) })
				continue
			}
			eventuallyReason(ctx, object, pamv1alpha1.ReasonAdoptionRefused)
			policy, _ := object.(*pamv1alpha1.RDPConnectionPolicy)
			Expect(policy.Status.Drift).To(ConsistOf(
				SatisfyAll(HaveField("Path", "active"), HaveField("Desired", "true"), HaveField("Actual", "false"))))
		}
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})
})

// unmanaged is what the status of the connection counts.
func (s *site) unmanaged(ctx context.Context) func() map[string]int {
	return func() map[string]int {
		out := map[string]int{}
		for _, of := range s.connection(ctx).Status.Unmanaged {
			out[string(of.Kind)] = int(*of.Count)
		}
		return out
	}
}

var _ = Describe("An export", func() {
	It("exports or lists whatever an appliance has", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		long, longer := strings.Repeat("n", 253), strings.Repeat("ü", 300)
		for name, wire := range map[string]string{
			"Demo": `{}`, "demo": `{}`, "DEMO": `{}`, "日本語": `{}`, " spaces ": `{}`, "a/b\n\"c\"": `{}`, "-": `{}`,
			"é": `{}`, "e.f": `{}`, long: `{}`, longer: `{}`,
			"clients":   `{"network": {"clients": ["no address", "10.0.0.0/8"], "targets": ["10.0.0.1"], "ports": [3389]}}`,
			"repeated":  `{"network": {"clients": ["10.0.0.0/8", "10.0.0.0/8"], "targets": ["10.0.0.1"], "ports": [1, 1]}}`,
			"ports":     `{"network": {"clients": ["10.0.0.0/8"], "targets": ["10.0.0.1"], "ports": [0, 99999]}}`,
			"rules":     `{"access_control": [{"authorizer": "g", "permission": "own", "require_different_ip": true}]}`,
			"future":    `{"server_address": {"selection": "oracle"}, "log_level": 7, "source_address": null}`,
			"rate":      `{"rate_limit": {"enabled": true, "value": 99999999999}}`,
			"indexing":  `{"indexing": {"enabled": true, "policy": "-50000", "priority": 9, "languages": ["en"]}}`,
			"reference": `{"policies": {"channel_policy": "nowhere", "audit_policy": null, "settings": "-301"}}`,
			"text":      `{"network": "all", "active": "yes", "channel_database_cleanup": {"enabled": true, "days": "550"}}`,
		} {
			s.byHand(name, wire)
		}
		for range 2 {
			s.byHand("twice", `{}`)
			s.sps.Put(spsUsers, "", map[string]any{"name": "twin"})
		}
		twin := s.sps.Put(spsUsers, "", map[string]any{"name": "Twin"})
		ghosts := s.sps.Put(spsGroups, "", map[string]any{"name": "ghosts", "members": []any{"nobody at all"}})
		s.sps.Put(spsGroups, "", map[string]any{"name": "Good", "members": []any{twin}, "colour": "red"})
		var crowd []any
		for i := range 1001 {
			crowd = append(crowd, s.sps.Put(spsUsers, "", map[string]any{"name": fmt.Sprintf("user-%04d", i)}))
		}
		s.sps.Put(spsGroups, "", map[string]any{"name": "crowd", "members": crowd})
		e := s.export(ctx, "odd")

		By("what is exported is accepted, and has a name of its own")
		names := map[string]bool{}
		onAppliance := map[string]string{}
		for _, o := range exported(ctx, e) {
			Expect(names).NotTo(HaveKey(o.GetKind() + o.GetName()))
			names[o.GetKind()+o.GetName()] = true
			Expect(k8s.Create(ctx, o.DeepCopy(), client.DryRunAll)).To(Succeed(), o.GetName())
			name, _, _ := unstructured.NestedString(o.Object, "spec", "policyName")
			if o.GetKind() == "RDPConnectionPolicy" {
				onAppliance[o.GetName()] = name
			}
		}
		Expect(onAppliance).To(SatisfyAll(HaveKeyWithValue("demo", ""), HaveKeyWithValue("demo-2", "DEMO"),
			HaveKeyWithValue("demo-3", "Demo"), HaveKeyWithValue("spaces", " spaces "), HaveKeyWithValue("e.f", ""),
			HaveKeyWithValue("e", "é"), ContainElement(long)))

		By("what is not exported is listed")
		Expect(onAppliance).NotTo(ContainElement(BeElementOf(longer, "twice", "a/b\n\"c\"")))
		const policies, groups = pamv1alpha1.PolicyKind("RDPConnectionPolicy"), pamv1alpha1.PolicyKind("LocalUserGroup")
		Expect(lacks(e, policies, "", "more than once")).To(HaveValue(SatisfyAll(
			HaveField("Count", HaveValue(BeEquivalentTo(2))), HaveField("Names", ConsistOf("twice", "twice")))))
		Expect(lacks(e, policies, "", "policyName")).To(HaveField("Names", ContainElement(
			Or(HavePrefix("üüü"), HavePrefix("a/b")))))
		Expect(lacks(e, "LocalUser", "", "more than once")).NotTo(BeNil())
		Expect(lacks(e, groups, "", "no local user")).To(HaveField("Names", ConsistOf("ghosts")), ghosts)
		Expect(lacks(e, groups, "", "spec.members")).To(HaveField("Names", ConsistOf("crowd")))
		Expect(lacks(e, groups, "colour", "")).To(HaveField("Names", ConsistOf("Good")))
		Expect(lacks(e, groups, "", "belongs to its owner")).NotTo(BeNil())
		for field, name := range map[string]string{
			"network.clients": "clients", "network.ports": "ports", "accessControl": "rules", "server_address": "future",
			"log_level": "future", "rateLimit.connectionsPerMinute": "rate", "indexing.priority": "indexing",
			"indexing.languages": "indexing", "network": "text", "active": "text",
		} {
			entry := lacks(e, policies, field, "")
			Expect(entry).NotTo(BeNil(), "%s: %+v", field, e.Status.NotExported)
			Expect(entry.Names).To(ContainElement(name), field)
		}
		Expect(lacks(e, "LocalUser", "passwordSecretRef", "never shows passwords")).NotTo(BeNil())

		By("and what is exported is in sync with the appliance")
		for _, object := range applied(ctx, slices.DeleteFunc(exported(ctx, e), func(o *unstructured.Unstructured) bool {
			return o.GetKind() == "LocalUser" && strings.HasPrefix(o.GetName(), "user-")
		})) {
			Eventually(ready(ctx, object)).Should(Equal("True Synced"), func() string { return describe(object) })
		}
		Expect(s.sps.Stats().TransactionsOpened).To(BeZero())
	})

	It("continues an export that was interrupted, and writes each part once", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		s.manyByHand(150)
		left := &atomic.Int64{}
		left.Store(1)
		partsLeft.Store(s.namespace, left)
		e := s.export(ctx, "big")
		Expect(left.Load()).To(BeNumerically("<", -1), "it was tried again")
		Expect(len(e.Status.Parts)).To(BeNumerically(">", 1))
		Expect(exported(ctx, e)).NotTo(BeEmpty())
		var listed []string
		for _, part := range e.Status.Parts {
			listed = append(listed, part.Name)
		}
		Expect(s.parts(ctx, e)()).To(ConsistOf(listed))
	})

	It("takes its result along when it is deleted", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		s.byHand("a", `{}`)
		e := s.export(ctx, "short")
		Expect(s.parts(ctx, e)()).NotTo(BeEmpty())
		change(ctx, e, func(e *pamv1alpha1.ApplianceExport) { e.Spec.TTLSecondsAfterFinished = new(int32(0)) })
		eventuallyGone(ctx, e)
		Eventually(s.parts(ctx, e)).Should(BeEmpty())
	})

	It("asks the appliance for nothing that the inventory has", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "7.0"})
		s.fillByHand()
		first := s.export(ctx, "first")
		const kept = "^/api/configuration/(rdp|aaa|policies|analytics|plugins)" // certificates cannot be listed, nor kept
		before := s.sps.Faults().Count("GET", kept)
		second := s.export(ctx, "second")
		Expect(s.sps.Faults().Count("GET", kept)).To(Equal(before))
		Expect(second.Status.Objects).To(Equal(first.Status.Objects))
		Expect(exported(ctx, second)).To(Equal(exported(ctx, first)), "and names do not change")
	})

	It("has what was made by hand since the appliance was last looked at", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{})
		Expect(s.export(ctx, "before").Status.Objects).NotTo(
			ContainElement(HaveField("Kind", BeEquivalentTo("RDPConnectionPolicy"))))
		s.byHand("by hand", `{}`)
		after := s.export(ctx, "after")
		Expect(after.Status.Objects).To(ContainElement(SatisfyAll(
			HaveField("Kind", BeEquivalentTo("RDPConnectionPolicy")), HaveField("Count", HaveValue(BeEquivalentTo(1))))))
	})

	It("keeps the names of the objects that are there, and takes none of another's", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		s.byHand("Finance", `{}`)
		s.byHand("taken", `{}`)
		finance := s.policy("money", policyName("Finance"))
		other := s.policy("taken", policyName("something else"), builder.Suspended())
		s.create(ctx, finance, other)
		eventuallyReady(ctx, finance)
		names := map[string]string{}
		for _, o := range exported(ctx, s.export(ctx, "again", exporting(func(spec *pamv1alpha1.ApplianceExportSpec) {
			spec.Kinds = []pamv1alpha1.PolicyKind{"RDPConnectionPolicy"}
		}))) {
			names[o.GetName()], _, _ = unstructured.NestedString(o.Object, "spec", "policyName")
		}
		Expect(names).To(SatisfyAll(HaveKeyWithValue("money", "Finance"), HaveKeyWithValue("taken-2", "taken"),
			Not(HaveKey("finance")), Not(HaveKey("taken"))))
	})

	It("of what is unmanaged has what no object names, as the connection counts it", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		s.byHand("managed", `{}`)
		renamed := s.byHand("renamed", `{}`)
		s.byHand("seen", `{}`)
		s.byHand("theirs", `{}`)
		byKey, byName := s.policy("renamed"), s.policy("managed")
		seen := s.policy("seen", builder.Manage(pamv1alpha1.ManagementPolicyObserve))
		s.create(ctx, byKey, byName, seen)
		for _, policy := range []client.Object{byKey, byName, seen} {
			eventuallyReady(ctx, policy)
		}
		change(ctx, byKey, func(p *pamv1alpha1.RDPConnectionPolicy) { p.Spec.Suspend = new(true) })
		s.edit(ctx, rdpConnections, renamed, map[string]any{"name": "by another name"})
		eventuallyReason(ctx, byKey, pamv1alpha1.ReasonSuspended)
		before := s.sps.Faults().Count("GET", "^/api/configuration/aaa")

		e := s.export(ctx, "rest", exporting(func(spec *pamv1alpha1.ApplianceExportSpec) {
			spec.Selection = pamv1alpha1.ExportUnmanaged
			spec.Kinds = []pamv1alpha1.PolicyKind{"RDPConnectionPolicy"}
			spec.TargetNamespace = "elsewhere"
		}))
		objects := exported(ctx, e)
		var names []string
		for _, o := range objects {
			names = append(names, o.GetName())
			Expect(o.GetNamespace()).To(Equal("elsewhere"))
			Expect(o.Object["spec"]).To(HaveKeyWithValue("connectionRef", SatisfyAll(
				HaveKeyWithValue("name", "sps"), HaveKeyWithValue("namespace", s.namespace))))
		}
		Expect(names).To(ContainElement("theirs"))
		Expect(names).NotTo(ContainElements("managed", "renamed", "seen", "by-another-name"))
		s.look(ctx)
		Eventually(s.unmanaged(ctx)).Should(Equal(map[string]int{"RDPConnectionPolicy": len(objects)}),
			"kinds that were not read are not counted, and are not read to be counted")
		Expect(s.sps.Faults().Count("GET", "^/api/configuration/aaa")).To(Equal(before))

		By("and the status is not written when nothing changes")
		s.checkedAgain(ctx)
		version := s.connection(ctx).ResourceVersion
		Consistently(func() string { return s.connection(ctx).ResourceVersion }).Should(Equal(version))
	})

	It("waits while it is suspended, and is given up at its deadline", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		held := builder.ApplianceExport("held", append(s.in("sps"), builder.Suspended(),
			exporting(func(spec *pamv1alpha1.ApplianceExportSpec) { spec.ActiveDeadlineSeconds = new(int64(3)) }))...)
		s.create(ctx, held)
		eventuallyReason(ctx, held, pamv1alpha1.ReasonSuspended)
		Expect(held.Status.Phase).To(Equal(pamv1alpha1.ExportPending))
		eventuallyReason(ctx, held, pamv1alpha1.ReasonFailed)
		Expect(held.Status.Phase).To(Equal(pamv1alpha1.ExportFailed))
		Expect(holds(ctx, held, pamv1alpha1.ConditionFailed)()).To(BeTrue())
		Expect(message(ctx, held)).To(ContainSubstring("nothing has been read"))
	})

	It("waits for an appliance that does not answer, and for one that keeps changing", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		const lists = "^/api/configuration/rdp/connections$"
		s.spsFault(fault.Rule{Name: "list", Method: "GET", Path: lists, Status: 503, Times: 2})
		Expect(s.export(ctx, "later").Status.Phase).To(Equal(pamv1alpha1.ExportCompleted))
	})

	It("is not permitted where a grant is for the namespace and does not give everything", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		grant := func(names ...string) {
			change(ctx, s.connection(ctx), func(c *pamv1alpha1.SPSConnection) {
				c.Spec.Grants = []pamv1alpha1.SPSGrant{{Namespaces: []string{s.namespace}, Names: names}}
			})
		}
		grant("team-*")
		e := builder.ApplianceExport("all", s.in("sps")...)
		s.create(ctx, e)
		eventuallyReason(ctx, e, pamv1alpha1.ReasonConnectionNotPermitted)
		Expect(message(ctx, e)).To(ContainSubstring("grants[0] allows only some kinds or names"))
		Expect(s.parts(ctx, e)()).To(BeEmpty())
		grant()
		eventuallyReady(ctx, e)
	})

	It("does not take a ConfigMap of somebody else for a part", func(ctx context.Context) {
		s := newSite(ctx, simsps.Options{Version: "8.0"})
		s.byHand("a", `{}`)
		first := s.export(ctx, "first")
		part := first.Status.Parts[0]
		forged := &corev1.ConfigMap{}
		Expect(k8s.Get(ctx, client.ObjectKey{Namespace: s.namespace, Name: part.Name}, forged)).To(Succeed())
		forged = &corev1.ConfigMap{Data: forged.Data, Immutable: new(true)}
		forged.Namespace, forged.Name = s.namespace, strings.Replace(part.Name, "first-", "second-", 1)
		s.create(ctx, forged)
		e := builder.ApplianceExport("second", s.in("sps")...)
		s.create(ctx, e)
		eventuallyReason(ctx, e, pamv1alpha1.ReasonConflict)
		Expect(message(ctx, e)).To(ContainSubstring(forged.Name + " is not ours"))
		Expect(k8s.Delete(ctx, forged)).To(Succeed())
		change(ctx, e, func(e *pamv1alpha1.ApplianceExport) { e.Annotations = map[string]string{wakes: "again"} })
		eventuallyReady(ctx, e)
	})
})

// manyByHand puts policies with long names of groups onto the appliance.
func (s *site) manyByHand(count int) {
	GinkgoHelper()
	rule := fmt.Sprintf(`{"authorizer": %q, "permission": "audit", "require_different_ip": false,
		"require_different_username": false, "subject": {"selection": "everybody"}}`, strings.Repeat("g", 250))
	wire := fmt.Sprintf(`{"access_control": [%s%s]}`, strings.Repeat(rule+",", 31), rule)
	for i := range count {
		s.byHand(fmt.Sprintf("policy-%04d", i), wire)
	}
}

// parts are the names of the ConfigMaps of an export.
func (s *site) parts(ctx context.Context, e *pamv1alpha1.ApplianceExport) func() []string {
	return func() []string {
		list := &corev1.ConfigMapList{}
		if err := k8s.List(ctx, list, client.InNamespace(s.namespace),
			client.MatchingLabels{pamv1alpha1.LabelExport: e.Name}); err != nil {
			return []string{err.Error()}
		}
		var out []string
		for _, cm := range list.Items {
			out = append(out, cm.Name)
		}
		return out
	}
}
