// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-logr/logr"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/test/builder"
)

// world is what a collector counts in these tests.
type world struct {
	objects   []kinds.Object
	clients   []connection.ClientState
	leftovers map[string]int
	failure   error
}

func (w world) Each(_ context.Context, kind kinds.Kind, visit func(kinds.Object)) error {
	for _, obj := range w.objects {
		if obj.GetObjectKind().GroupVersionKind().Kind == kind.Name {
			visit(obj)
		}
	}
	return w.failure
}

func (w world) Clients() []connection.ClientState { return w.clients }

func (w world) Count() (map[string]int, bool) { return w.leftovers, w.leftovers != nil }

func (w world) collector(elected bool) *Collector {
	leads := make(chan struct{})
	if elected {
		close(leads)
	}
	return NewCollector(Config{Source: w, Clients: w, Leftovers: w, Elected: leads, Log: logr.Discard()})
}

// series are the series of the metrics that are named, or of all, as Prometheus would read them, in order.
func (w world) series(t *testing.T, names ...string) []string {
	t.Helper()
	registry := prometheus.NewPedanticRegistry()
	if err := registry.Register(w.collector(true)); err != nil {
		t.Fatal(err)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	series := []string{}
	for _, family := range families {
		if len(names) > 0 && !slices.Contains(names, family.GetName()) {
			continue
		}
		for _, m := range family.GetMetric() {
			var labels []string
			for _, label := range m.GetLabel() {
				labels = append(labels, label.GetName()+"="+label.GetValue())
			}
			series = append(series, fmt.Sprintf("%s{%s} %v", family.GetName(), strings.Join(labels, " "),
				m.GetGauge().GetValue()))
		}
	}
	return series
}

var (
	team    = builder.InNamespace("team")
	oneHour = metav1.NewTime(time.Unix(3600, 0))
	twoHour = metav1.NewTime(time.Unix(7200, 0))
)

func ready(reason string, status metav1.ConditionStatus, since metav1.Time) builder.Option {
	return builder.With(func(o kinds.Object) {
		meta.SetStatusCondition(o.GetStatus().ObjectConditions(), metav1.Condition{
			Type: pamv1alpha1.ConditionReady, Status: status, Reason: reason, LastTransitionTime: since,
			Message: "canary-free-text",
		})
	})
}

func synced() builder.Option { return ready(pamv1alpha1.ReasonSynced, metav1.ConditionTrue, oneHour) }

func drifted() builder.Option {
	return builder.With(func(o kinds.Object) {
		meta.SetStatusCondition(o.GetStatus().ObjectConditions(), metav1.Condition{
			Type: pamv1alpha1.ConditionDriftDetected, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonDriftDetected,
		})
	})
}

func deletedAt(at metav1.Time) builder.Option {
	return builder.With(func(o kinds.Object) { o.SetDeletionTimestamp(&at) })
}

func sps(options ...builder.Option) kinds.Object {
	return builder.SPSConnection("sps", append([]builder.Option{team, synced()}, options...)...)
}

func policy(name string, options ...builder.Option) kinds.Object {
	return builder.RDPConnectionPolicy(name, append([]builder.Option{team, builder.Connection("sps", "")}, options...)...)
}

func TestHealthyObjectsAreOneSeries(t *testing.T) {
	w := world{objects: []kinds.Object{sps()}}
	for i := range 10_000 {
		w.objects = append(w.objects, policy(fmt.Sprintf("p%d", i), synced()))
	}
	want := []string{
		"pam_objects{acts=nobody connection=sps connection_namespace=team kind=RDPConnectionPolicy reason=Synced} 10000",
		"pam_objects{acts=nobody connection=sps connection_namespace=team kind=SPSConnection reason=Synced} 1",
		"pam_objects_not_shown{} 0",
	}
	got := w.series(t, metrics.Objects, metrics.ObjectNotReady, metrics.ObjectsNotShown, metrics.DriftedObjects)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	all := len(w.series(t))
	w.objects = w.objects[:2]
	if few := len(w.series(t)); few != all {
		t.Errorf("10,000 policies have %d series, one has %d", all, few)
	}
}

// TestAScrapeCopiesNoObjects: it may allocate for what it shows, and not for what it counts.
func TestAScrapeCopiesNoObjects(t *testing.T) {
	w := world{objects: []kinds.Object{sps()}}
	for i := range 10_000 {
		w.objects = append(w.objects, policy(fmt.Sprintf("p%d", i), synced()))
	}
	c := w.collector(true)
	allocations := testing.AllocsPerRun(3, func() {
		shown := make(chan prometheus.Metric, 1000)
		c.Collect(shown)
	})
	if allocations > 1000 {
		t.Errorf("%v allocations for 10,000 healthy objects", allocations)
	}
}

func TestAThousandSeriesAtMostForWhatIsNotReady(t *testing.T) {
	w := world{objects: []kinds.Object{sps()}}
	for i := range 3500 {
		since := metav1.NewTime(time.Unix(int64(10_000-i), 0)) // the last one has waited longest
		w.objects = append(w.objects,
			policy(fmt.Sprintf("p%04d", i), ready(pamv1alpha1.ReasonUnreachable, metav1.ConditionFalse, since)))
	}
	got := w.series(t, metrics.ObjectNotReady)
	if len(got) != metrics.MaxNotReady {
		t.Fatalf("%d series", len(got))
	}
	for _, name := range []string{"p3499", "p2500"} {
		if !slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "object="+name+" ") }) {
			t.Errorf("%s is not shown", name)
		}
	}
	if slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "object=p2499 ") }) {
		t.Error("p2499 is shown, and has waited less than those that are not")
	}
	if diff := cmp.Diff([]string{"pam_objects_not_shown{} 2500"}, w.series(t, metrics.ObjectsNotShown)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestWhoActsOnAnObject(t *testing.T) {
	session := func(phase pamv1alpha1.SessionPhase, options ...builder.Option) kinds.Object {
		in := builder.With(func(s *pamv1alpha1.ActivitySession) { s.Status.Phase = phase })
		return builder.ActivitySession("s", append([]builder.Option{team, in, builder.Connection("nps", "")}, options...)...)
	}
	stalled := func(reason string) builder.Option { return ready(reason, metav1.ConditionFalse, oneHour) }
	const via = "connection=sps connection_namespace=team "
	at := func(phase pamv1alpha1.SessionPhase, reason string) kinds.Object {
		return session(phase, stalled(reason))
	}
	for name, c := range map[string]struct {
		object kinds.Object
		// want is a part of the series of pam_objects; shown says whether it has one of its own.
		want  string
		shown bool
	}{
		"in sync":               {policy("a", synced()), via + "kind=RDPConnectionPolicy reason=Synced", false},
		"not reconciled yet":    {policy("a"), via + "kind=RDPConnectionPolicy reason=Progressing", true},
		"locked":                {policy("a", stalled(pamv1alpha1.ReasonLocked)), "acts=wait", true},
		"with a mistake":        {policy("a", stalled(pamv1alpha1.ReasonInvalidSpec)), "acts=author", true},
		"not permitted":         {policy("a", stalled(pamv1alpha1.ReasonConnectionNotPermitted)), "acts=owner", true},
		"a bug":                 {policy("a", stalled(pamv1alpha1.ReasonInternalError)), "acts=maker", true},
		"suspended":             {policy("a", stalled(pamv1alpha1.ReasonSuspended)), "acts=nobody", false},
		"of a newer version":    {policy("a", stalled("NotInventedYet")), "reason=other", true},
		"through no connection": {policy("a", builder.Connection("gone", "else")), "connection=other connection_name", true},
		"a connection":          {builder.SPSConnection("b", team, synced()), "connection=b connection_name", false},
		"a session that failed": {at(pamv1alpha1.SessionFailed, pamv1alpha1.ReasonFailed), "acts=nobody", false},
		"a session that starts": {at(pamv1alpha1.SessionStarting, pamv1alpha1.ReasonProgressing), "acts=nobody", true},
		"a session to approve": {
			at(pamv1alpha1.SessionWaitingForApproval, pamv1alpha1.ReasonWaitingForApproval), "acts=wait", true,
		},
		"a Secret that stays": {at(pamv1alpha1.SessionCompleted, pamv1alpha1.ReasonDeletionBlocked), "acts=owner", true},
		"a termination that failed": {builder.SessionTermination("t", "id", team, builder.Connection("sps", ""),
			stalled(pamv1alpha1.ReasonRejected), builder.With(func(t *pamv1alpha1.SessionTermination) {
				meta.SetStatusCondition(&t.Status.Conditions, metav1.Condition{
					Type: pamv1alpha1.ConditionFailed, Status: metav1.ConditionTrue, Reason: pamv1alpha1.ReasonRejected,
				})
			})), "acts=nobody", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := world{objects: []kinds.Object{sps(), builder.NPSConnection("nps", team, synced()), c.object}}
			got := strings.Join(w.series(t, metrics.Objects), "\n")
			if !strings.Contains(got, c.want) {
				t.Errorf("no series has %q:\n%s", c.want, got)
			}
			shown := w.series(t, metrics.ObjectNotReady)
			if (len(shown) == 1) != c.shown {
				t.Errorf("series of its own: %v", shown)
			}
			if strings.Contains(strings.Join(w.series(t), "\n"), "canary") {
				t.Error("a message is a label")
			}
		})
	}
}

func TestDriftAndDeletions(t *testing.T) {
	w := world{objects: []kinds.Object{
		sps(), policy("a", synced()), policy("b", drifted()),
		policy("c", drifted(), builder.Manage(pamv1alpha1.ManagementPolicyObserve)),
		policy("d", drifted(), builder.Suspended()),
		policy("e", drifted(), ready(pamv1alpha1.ReasonSuspended, metav1.ConditionFalse, oneHour)), // by its connection
		policy("f", deletedAt(twoHour)), policy("g", deletedAt(oneHour)),
	}}
	const of = "connection=sps connection_namespace=team kind=RDPConnectionPolicy management_policy="
	want := []string{
		"pam_deleting_objects{kind=ActivitySession} 0", "pam_deleting_objects{kind=ApplianceExport} 0",
		"pam_deleting_objects{kind=LocalUser} 0",
		"pam_deleting_objects{kind=LocalUserGroup} 0", "pam_deleting_objects{kind=NPSConnection} 0",
		"pam_deleting_objects{kind=RDPConnectionPolicy} 2", "pam_deleting_objects{kind=SPSConnection} 0",
		"pam_deleting_objects{kind=SessionTermination} 0",
		"pam_drifted_objects{" + of + "Manage} 1", "pam_drifted_objects{" + of + "Observe} 1",
		"pam_drifted_objects{" + of + "Suspended} 2",
		"pam_oldest_deletion_timestamp_seconds{kind=RDPConnectionPolicy} 3600",
	}
	got := w.series(t, metrics.DriftedObjects, metrics.DeletingObjects, metrics.OldestDeletion)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestConnections(t *testing.T) {
	locked := func(since metav1.Time) builder.Option {
		return builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Status.Lock = &pamv1alpha1.ConfigurationLock{HeldBy: "canary-user", Since: since}
		})
	}
	asked := func(every time.Duration) builder.Option {
		return builder.With(func(c *pamv1alpha1.SPSConnection) {
			c.Spec.DriftCheckInterval = &metav1.Duration{Duration: every}
		})
	}
	version := func(text string) builder.Option {
		return builder.With(func(c *pamv1alpha1.SPSConnection) { c.Status.Version = text })
	}
	name := func(name string) types.NamespacedName { return types.NamespacedName{Namespace: "team", Name: name} }
	url := builder.URL("https://SPS.example.com")
	insecure := builder.With(func(c *pamv1alpha1.NPSConnection) {
		c.Spec.TLS = &pamv1alpha1.TLSSettings{InsecureSkipVerify: new(true)}
		c.Spec.Limits = &pamv1alpha1.NPSLimits{ActiveSessions: new(int32(7))}
	})
	w := world{
		objects: []kinds.Object{
			sps(url, locked(twoHour), version("8.0.1"), asked(time.Minute)),
			sps(url, asked(time.Hour), builder.With(func(c *pamv1alpha1.SPSConnection) { c.Name = "third" })),
			builder.SPSConnection("second", team, url, locked(oneHour), version("canary of a proxy"), asked(time.Second),
				builder.Suspended(), ready(pamv1alpha1.ReasonSuspended, metav1.ConditionFalse, oneHour)),
			builder.NPSConnection("nps", team, builder.URL("https://nps.example.com:6500"), insecure),
		},
		clients: []connection.ClientState{
			{Kind: kinds.SPSConnection, Name: name("sps"), URL: "https://sps.example.com", Waiting: 3, Checked: oneHour.Time,
				ServerCertificateEnds: oneHour.Time, CAEnds: twoHour.Time},
			{Kind: kinds.SPSConnection, Name: name("second"), URL: "https://sps.example.com", Waiting: 2, Checked: twoHour.Time},
			{Kind: kinds.NPSConnection, Name: name("nps"), TokenEnds: oneHour.Time, CertificateEnds: twoHour.Time},
			{Kind: kinds.SPSConnection, Name: name("gone"), URL: "https://gone.example.com", Waiting: 9},
		},
		leftovers: map[string]int{"localuser": 2, "activitysession": 1, "by-hand": 1},
	}
	const expiry = "pam_connection_credential_expiry_timestamp_seconds"
	nps, one, second := "connection=nps connection_namespace=team", "connection=sps connection_namespace=team",
		"connection=second connection_namespace=team"
	const third = "connection=third connection_namespace=team kind=SPSConnection"
	want := []string{
		"pam_changes_waiting{appliance=sps.example.com:443} 5",
		expiry + "{" + nps + " credential=client_certificate kind=NPSConnection} 7200",
		expiry + "{" + nps + " credential=token kind=NPSConnection} 3600",
		expiry + "{" + one + " credential=ca kind=SPSConnection} 7200",
		expiry + "{" + one + " credential=server_certificate kind=SPSConnection} 3600",
		"pam_connection_info{appliance=nps.example.com:6500 " + nps + " kind=NPSConnection version=} 1",
		"pam_connection_info{appliance=sps.example.com:443 " + second + " kind=SPSConnection version=other} 1",
		"pam_connection_info{appliance=sps.example.com:443 " + one + " kind=SPSConnection version=8.0.1} 1",
		"pam_connection_info{appliance=sps.example.com:443 " + third + " version=} 1",
		"pam_connection_insecure_tls{" + nps + " kind=NPSConnection} 1",
		"pam_connection_ready{" + nps + " kind=NPSConnection} 0",
		"pam_connection_ready{" + second + " kind=SPSConnection} 0",
		"pam_connection_ready{" + one + " kind=SPSConnection} 1",
		"pam_connection_ready{" + third + "} 1",
		"pam_connection_suspended{" + nps + " kind=NPSConnection} 0",
		"pam_connection_suspended{" + second + " kind=SPSConnection} 1",
		"pam_connection_suspended{" + one + " kind=SPSConnection} 0",
		"pam_connection_suspended{" + third + "} 0",
		"pam_foreign_lock_timestamp_seconds{appliance=sps.example.com:443} 3600",
		"pam_inventory_check_interval_seconds{appliance=sps.example.com:443} 60",
		"pam_inventory_check_timestamp_seconds{appliance=sps.example.com:443} 7200",
		"pam_leftovers{collection=aaa/local_database/groups} 0",
		"pam_leftovers{collection=aaa/local_database/users} 2",
		"pam_leftovers{collection=other} 1",
		"pam_leftovers{collection=rdp/connections} 0",
		"pam_leftovers{collection=sessions} 1",
		"pam_session_limit{" + nps + "} 7",
	}
	got := slices.DeleteFunc(w.series(t), func(s string) bool {
		return strings.HasPrefix(s, "pam_object") || strings.HasPrefix(s, "pam_deleting")
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestSessionsByPhase(t *testing.T) {
	session := func(name, connection string, phase pamv1alpha1.SessionPhase) kinds.Object {
		return builder.ActivitySession(name, team, builder.Connection(connection, ""),
			builder.With(func(s *pamv1alpha1.ActivitySession) { s.Status.Phase = phase }))
	}
	w := world{objects: []kinds.Object{
		builder.NPSConnection("nps", team), session("a", "nps", ""), session("b", "nps", pamv1alpha1.SessionPending),
		session("c", "nps", pamv1alpha1.SessionActive), session("d", "nps", "Invented"), session("e", "gone", ""),
	}}
	const nps = "connection=nps connection_namespace=team phase="
	want := []string{
		"pam_sessions{" + nps + "Active} 1", "pam_sessions{" + nps + "Pending} 2", "pam_sessions{" + nps + "other} 1",
		"pam_sessions{connection=other connection_namespace=other phase=Pending} 1",
	}
	if diff := cmp.Diff(want, w.series(t, metrics.Sessions)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestOnlyTheLeaderCounts(t *testing.T) {
	w := world{objects: []kinds.Object{sps(), policy("a", synced())}, leftovers: map[string]int{}}
	if n := testutil.CollectAndCount(w.collector(false)); n != 0 {
		t.Errorf("a manager that does not lead shows %d series", n)
	}
	if n := testutil.CollectAndCount(w.collector(true)); n == 0 {
		t.Error("the leader shows none")
	}
}

func TestHalfOfTheObjectsIsNotShown(t *testing.T) {
	w := world{objects: []kinds.Object{sps()}, failure: errors.New("the cache is not ready")}
	if n := testutil.CollectAndCount(w.collector(true)); n != 0 {
		t.Errorf("%d series", n)
	}
}

// TestValuesInNoListShareASeries: several values that are in no list must not become the same series twice.
func TestValuesInNoListShareASeries(t *testing.T) {
	w := world{objects: []kinds.Object{
		sps(), policy("a", ready("Odd", metav1.ConditionFalse, oneHour)),
		policy("b", ready("Odder", metav1.ConditionFalse, oneHour)),
		policy("c", builder.Connection("gone", "")), policy("d", builder.Connection("missing", "")),
	}}
	if got := w.series(t, metrics.Objects); len(got) != 3 {
		t.Errorf("%d series: %v", len(got), got)
	}
}

func TestSeriesOfConnectionsThatAreGoneArePruned(t *testing.T) {
	gone := metrics.SPS(types.NamespacedName{Namespace: "team", Name: "pruned"})
	kept := metrics.SPS(types.NamespacedName{Namespace: "team", Name: "sps"})
	for _, c := range []metrics.Connection{gone, kept} {
		c.Called(rest.Call{Operation: "info", Result: "200"})
	}
	world{objects: []kinds.Object{sps()}}.series(t)
	connections, _ := metrics.Seen()
	if slices.Contains(connections, gone) || !slices.Contains(connections, kept) {
		t.Errorf("left: %v", connections)
	}
	kept.Forget()
}

func TestPrometheusWouldNotComplain(t *testing.T) {
	w := world{
		objects: []kinds.Object{sps(drifted(), deletedAt(oneHour)), policy("a", drifted())}, leftovers: map[string]int{},
	}
	problems, err := testutil.CollectAndLint(w.collector(true))
	if err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}
