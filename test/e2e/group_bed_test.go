// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/watch"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simsps "github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	groupCount       = 40
	groupsCollection = "aaa/local_database/groups"
	groupsPath       = "/api/configuration/" + groupsCollection
)

// groupBed is an appliance whose local user groups a manager manages, and a record of what happened meanwhile.
type groupBed struct {
	*testing.T

	cluster *cluster
	site    *spsSite
	manager *manager
	begun   time.Time // of the current step

	mu sync.Mutex
	// faults are observed violations: an object that is Stalled, or gone before its group is.
	faults []string
}

func newGroupBed(t *testing.T, version string) *groupBed {
	t.Helper()
	c := theCluster(t)
	namespace := c.newNamespace("groups")
	b := &groupBed{T: t, cluster: c, begun: time.Now(), site: newSPSSite(t, c, namespace, simsps.Options{
		Version: version, Configure: func(s *simsps.Switches) { s.WriteDelay = 5 * time.Millisecond },
	})}
	b.manager = newManager(t, c, namespace)
	b.watch()
	return b
}

// watch records violations until the scenario ends.
func (b *groupBed) watch() {
	b.Helper()
	c, err := client.NewWithWatch(b.cluster.plane.Config, client.Options{Scheme: b.cluster.client.Scheme()})
	if err != nil {
		b.Fatal(err)
	}
	seen, err := c.Watch(b.Context(), &pamv1alpha1.LocalUserGroupList{}, client.InNamespace(b.site.namespace))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(seen.Stop)
	go func() {
		for event := range seen.ResultChan() {
			b.look(event)
		}
	}()
}

func (b *groupBed) look(event watch.Event) {
	group, ok := event.Object.(*pamv1alpha1.LocalUserGroup)
	if !ok {
		return
	}
	if stalled := meta.FindStatusCondition(group.Status.Conditions, pamv1alpha1.ConditionStalled); stalled != nil &&
		stalled.Status == "True" {
		b.fault("%s is Stalled: %s", group.Name, stalled.Message)
	}
	if event.Type == watch.Deleted && b.has(group.Name) {
		b.fault("%s is gone from the cluster, and the appliance has it", group.Name)
	}
}

func (b *groupBed) fault(format string, values ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.faults = append(b.faults, fmt.Sprintf(format, values...))
}

func (b *groupBed) step(format string, values ...any) {
	b.Helper()
	b.Logf("%s (%s)", fmt.Sprintf(format, values...), time.Since(b.begun).Round(time.Millisecond))
	b.begun = time.Now()
}

// connect waits until the connection works.
func (b *groupBed) connect() {
	b.Helper()
	b.eventually(func(g Gomega) {
		c := builder.SPSConnection(builder.DefaultSPSConnection, builder.InNamespace(b.site.namespace))
		g.Expect(b.cluster.client.Get(b.Context(), client.ObjectKeyFromObject(c), c)).To(Succeed())
		g.Expect(readyReason(c.Status.Conditions)).To(Equal("True Synced"))
	})
}

func (b *groupBed) groups() []client.Object {
	all := make([]client.Object, 0, groupCount)
	for i := range groupCount {
		all = append(all, builder.LocalUserGroup(fmt.Sprintf("group-%02d", i),
			builder.InNamespace(b.site.namespace), builder.Members()))
	}
	return all
}

// reasons counts the objects by the reason of Ready.
func (b *groupBed) reasons(g Gomega) map[string]int {
	list := &pamv1alpha1.LocalUserGroupList{}
	g.Expect(b.cluster.client.List(b.Context(), list, client.InNamespace(b.site.namespace))).To(Succeed())
	count := map[string]int{}
	for _, group := range list.Items {
		count[readyReason(group.Status.Conditions)]++
	}
	return count
}

func (b *groupBed) deleteAll() {
	b.Helper()
	b.cluster.kubectl(b.T, "", "delete", "localusergroups", "--all", "--wait=false", "-n", b.site.namespace)
}

// names are those of our groups on the appliance.
func (b *groupBed) names() []string {
	var names []string
	for _, o := range b.site.Objects(groupsCollection) {
		if n := name(o); strings.HasPrefix(n, "group-") {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

func (b *groupBed) has(name string) bool { return slices.Contains(b.names(), name) }

// expectGroups requires n groups on the appliance, each once, and no violation.
func (b *groupBed) expectGroups(count int) {
	b.Helper()
	names := b.names()
	if distinct := len(slices.Compact(slices.Clone(names))); len(names) != count || distinct != count {
		b.Errorf("the appliance has %d groups of %d names, want %d: %v", len(names), distinct, count, names)
	}
	if open := b.site.Stats().OpenTransactions; open != 0 {
		b.Errorf("%d transactions are open", open)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.Error(fault)
	}
	b.faults = nil
}

// expectNothingIsLeft is for use after the manager has stopped.
func (b *groupBed) expectNothingIsLeft() {
	b.Helper()
	records := &corev1.ConfigMapList{}
	err := b.cluster.client.List(b.Context(), records, client.InNamespace(b.site.namespace),
		client.HasLabels{pamv1alpha1.LabelLeftover})
	if err != nil || len(records.Items) > 0 {
		b.Errorf("%d records of leftovers, %v", len(records.Items), err)
	}
	if stats := b.site.Stats(); stats.OpenTransactions != 0 || stats.LockHolder != "" {
		b.Errorf("%d transactions are open, held by %q", stats.OpenTransactions, stats.LockHolder)
	}
	expectNoSecret(b.T, b.manager, b.site.secrets(b.T))
}

// eventually waits for a state that the manager brings about.
func (b *groupBed) eventually(reached func(g Gomega)) {
	b.Helper()
	NewWithT(b.T).Eventually(func(g Gomega) {
		b.manager.alive()
		reached(g)
	}).WithTimeout(within).WithPolling(pollInterval).Should(Succeed())
}
