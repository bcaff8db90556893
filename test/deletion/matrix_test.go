// SPDX-License-Identifier: Apache-2.0

package deletion_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Deadlines of the managers: one that is never reached, and one that soon is.
const (
	never = time.Hour
	soon  = 4 * time.Second
)

var _ = Describe("Deleting in every order", Ordered, func() {
	It("ends without the help of a deadline, and clean, wherever the credentials can still be had",
		func(ctx context.Context) {
			run(ctx, "prompt", never, func(o order) bool { return !o.waits() })
		})

	It("ends at its deadline where the appliance or the credentials are missing, and reports what is left",
		func(ctx context.Context) {
			run(ctx, "late", soon, order.waits)
		})
})

const boxCount = 6

// run takes all its orders through the lives of two managers.
func run(ctx context.Context, name string, deadline time.Duration, isFor func(order) bool) {
	began := time.Now()
	b := startBoxes(ctx, 2*boxCount) // the second half will go down
	before := leftoverMetric()
	stop := startManager(ctx, deadline)
	sites := makeSites(ctx, name, b, isFor)
	Eventually(unready).WithArguments(ctx, sites).Should(BeEmpty(), func() string {
		return logsOf(slices.DeleteFunc(slices.Clone(sites), func(s *site) bool {
			return len(unready(ctx, []*site{s})) == 0
		}))
	})
	made := time.Since(began)
	for i := range boxCount {
		b.down(boxCount + i)
	}
	uncertain := awaitDeletions(ctx, stop, deadline, sites)
	AddReportEntry(fmt.Sprintf("%s: %d orders of 3 objects, %d objects left over, made in %s, ended in %s",
		name, len(sites), leftoverMetric()-before,
		made.Round(time.Second), (time.Since(began) - made).Round(time.Second)))
	Expect(leftoverMetric()-before).To(BeNumerically(">=", uncertain), "the metric does not count every leftover")
	Expect(logs.About(password)).To(BeEmpty())
}

func makeSites(ctx context.Context, name string, b *boxes, isFor func(order) bool) []*site {
	GinkgoHelper()
	var sites []*site
	for i, o := range slices.DeleteFunc(orders(), func(o order) bool { return !isFor(o) }) {
		sites = append(sites, &site{order: o, name: fmt.Sprintf("%s-%d", name, i)})
	}
	each(sites, func(s *site) {
		at := len(s.before) + len(s.name) + int(s.name[len(s.name)-1])
		at %= boxCount
		if s.down {
			at += boxCount
		}
		*s = *newSite(ctx, s.order, s.name, b, at)
	})
	return sites
}

// awaitDeletions deletes everything in the given orders, waits for the end, and returns how many objects were left.
// Leftovers are reported by Events, which a stopping manager may lose: so each is checked before the manager stops, and
// the manager that is stopped in the middle of deletions has no deadline.
func awaitDeletions(ctx context.Context, stop func(), deadline time.Duration, sites []*site) int {
	steady := slices.DeleteFunc(slices.Clone(sites), (*site).restarts)
	broken := slices.DeleteFunc(slices.Clone(sites), func(s *site) bool { return !s.restarts() })
	each(steady, func(s *site) { s.remove(ctx, s.before) })
	left := ended(ctx, steady)
	stop()

	stop = startManager(ctx, never)
	each(broken, func(s *site) { s.remove(ctx, s.before) })
	stop()
	each(broken, func(s *site) { s.remove(ctx, s.after) })
	// The namespace controller deletes these as well.
	Eventually(undeleted).WithArguments(ctx, broken).WithPolling(time.Second).Should(BeEmpty())

	stop = startManager(ctx, deadline)
	defer stop()
	return left + ended(ctx, broken)
}

// ended waits for the end of sites, checks it, and returns how many objects were left.
func ended(ctx context.Context, sites []*site) (left int) {
	// Each look lists every object, which would keep the API server from deleting them.
	Eventually(unfinished).WithArguments(ctx, sites).WithPolling(time.Second).Should(BeEmpty())
	for _, s := range sites {
		left += s.check(ctx)
	}
	return left
}

// unready describes the objects that are not ready.
func unready(ctx context.Context, sites []*site) []string {
	there := existing(ctx)
	var out []string
	for _, s := range sites {
		for _, kind := range kinds.Policies() {
			key := kind.Name + " " + s.name + "/" + s.name
			if state := there[key]; !strings.HasPrefix(state, "True") {
				out = append(out, key+" "+state)
			}
		}
	}
	return out
}

// logsOf returns the log lines about the sites that have problems.
func logsOf(sites []*site) string {
	var out strings.Builder
	for _, s := range sites {
		out.WriteString(logs.About(`"name":"` + s.name + `"`))
	}
	return out.String()
}

// check compares the end with the promised outcome, and returns how many objects were left.
func (s *site) check(ctx context.Context) int {
	left, records := s.left(), s.records(ctx)
	about := func() string { return fmt.Sprintf("%s\nleft: %v\n%s", s, left, logs.About(s.name)) }
	switch s.want() {
	case clean:
		Expect(left).To(BeEmpty(), about)
		Expect(records).To(BeEmpty(), about)
	case reported:
		Expect(left).To(HaveLen(len(s.objects)), about)
	}
	for _, collection := range left {
		if _, there := records[collection]; !there && s.tookRecord(collection) {
			continue
		}
		Expect(records).To(HaveKey(collection), about)
		Expect(records[collection].Data).To(And(
			HaveKeyWithValue("nameOnAppliance", s.name), HaveKeyWithValue("namespace", s.name),
			HaveKeyWithValue("appliance", s.connection.Spec.URL), HaveKeyWithValue("connection", s.home+"/sps"),
			HaveKeyWithValue("key", Not(BeEmpty())), HaveKeyWithValue("cause", Not(BeEmpty())),
		))
	}
	if len(left) > 0 && !s.has(namespace) {
		Eventually(func() int { return eventsOf(ctx, s.name, "may be left on") }).
			Should(BeNumerically(">=", len(left)), about)
	}
	return len(left)
}

// tookRecord reports whether a record was written next to an object whose deadline had passed before its namespace was
// deleted, which took the record along.
func (s *site) tookRecord(collection string) bool {
	kind := slices.IndexFunc(kinds.Policies(), func(k kinds.Kind) bool { return string(k.Collection) == collection })
	record := "/leftover-" + strings.ToLower(kinds.Policies()[kind].Name)
	return s.has(namespace) && strings.Contains(logs.String(), "recorded in ConfigMap "+s.name+record) ||
		s.homeGoes() && strings.Contains(logs.String(), "recorded in ConfigMap "+s.home+record)
}

// records returns the ConfigMaps about the objects, by collection. They are next to the connection while it exists,
// else next to the object, or next to the manager if these namespaces are being deleted.
func (s *site) records(ctx context.Context) map[string]corev1.ConfigMap {
	GinkgoHelper()
	list := &corev1.ConfigMapList{}
	Expect(k8s.List(ctx, list, client.HasLabels{pamv1alpha1.LabelLeftover})).To(Succeed())
	out := map[string]corev1.ConfigMap{}
	for _, m := range list.Items {
		if m.Data["namespace"] != s.name {
			continue
		}
		Expect(out).NotTo(HaveKey(m.Data["collection"]), "one object has two records")
		Expect([]string{s.home, s.name, managerNamespace}).To(ContainElement(m.Namespace))
		Expect(m.Labels).To(HaveKeyWithValue(pamv1alpha1.LabelLeftover, strings.ToLower(m.Data["kind"])))
		out[m.Data["collection"]] = m
	}
	return out
}

func eventsOf(ctx context.Context, in, text string) (count int) {
	GinkgoHelper()
	list := &corev1.EventList{}
	Expect(k8s.List(ctx, list, client.InNamespace(in))).To(Succeed())
	for i := range list.Items {
		if strings.Contains(list.Items[i].Message, text) {
			count++
		}
	}
	return count
}

// leftoverMetric returns the value of pam_leftovers_total.
func leftoverMetric() (total int) {
	GinkgoHelper()
	gatherer, ok := metrics.Registry.(prometheus.Gatherer)
	Expect(ok).To(BeTrue())
	families, err := gatherer.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() == "pam_leftovers_total" {
			for _, m := range family.GetMetric() {
				total += int(m.GetCounter().GetValue())
			}
		}
	}
	return total
}

func eachItem(list client.ObjectList, do func(client.Object)) {
	GinkgoHelper()
	Expect(meta.EachListItem(list, func(o runtime.Object) error {
		obj, ok := o.(client.Object)
		Expect(ok).To(BeTrue())
		do(obj)
		return nil
	})).To(Succeed())
}

// readiness returns the Ready condition of one of our objects.
func readiness(o client.Object) string {
	status, ok := o.(interface {
		GetStatus() pamv1alpha1.ObjectStatus
	})
	if !ok {
		return ""
	}
	c := meta.FindStatusCondition(*status.GetStatus().ObjectConditions(), pamv1alpha1.ConditionReady)
	if c == nil {
		return "not reconciled yet"
	}
	return string(c.Status) + " " + c.Reason + ": " + c.Message
}
