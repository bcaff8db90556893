// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/types"
	crmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/lane"
	"github.com/pam-operator/pam-operator/internal/rest"
)

func TestTheTableKeepsItsRules(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range All() {
		if !strings.HasPrefix(m.Name, "pam_") || seen[m.Name] {
			t.Errorf("%s: the name does not begin with pam_, or is not the only one", m.Name)
		}
		seen[m.Name] = true
		if strings.HasSuffix(m.Name, "_total") != (m.Type == Counter) {
			t.Errorf("%s is a %s", m.Name, m.Type)
		}
		if (len(m.Buckets) > 0) != (m.Type == Histogram) || !slices.IsSorted(m.Buckets) {
			t.Errorf("%s: a %s with the buckets %v", m.Name, m.Type, m.Buckets)
		}
		if m.AtScrape && m.Type != Gauge {
			t.Errorf("%s: only gauges are computed at scrape", m.Name)
		}
	}
}

func TestEveryMetricIsDescribed(t *testing.T) {
	for _, m := range All() {
		for _, text := range []string{m.Help, m.LookAt} {
			if !strings.HasSuffix(text, ".") || strings.ContainsAny(text, "|\n") {
				t.Errorf("%s: %q is no sentence that fits into a table", m.Name, text)
			}
		}
		if m.Stability != Stable && m.Stability != Alpha {
			t.Errorf("%s: its stability is %q", m.Name, m.Stability)
		}
	}
}

// TestLabelsAreClosed: Prometheus would rename a label that it sets itself, and what identifies people or sessions does
// not belong into one.
func TestLabelsAreClosed(t *testing.T) {
	forbidden := []string{"namespace", "name", "pod", "job", "instance", "user", "host", "account", "session", "message"}
	var described []string
	for _, l := range labels() {
		described = append(described, l.Name)
	}
	for _, m := range All() {
		for _, label := range m.Labels {
			if slices.Contains(forbidden, label) {
				t.Errorf("%s has the label %s", m.Name, label)
			}
			if !slices.Contains(described, label) && m.Values[label] == nil {
				t.Errorf("%s: nobody says what the label %s means", m.Name, label)
			}
		}
	}
}

// TestPrometheusWouldNotComplain runs Prometheus' own linter over the table.
func TestPrometheusWouldNotComplain(t *testing.T) {
	for _, m := range All() {
		if m.AtScrape {
			continue // the tests of package objects lint these
		}
		var vector prometheus.Collector
		values := make([]string, len(m.Labels))
		for i := range values {
			values[i] = "x"
		}
		switch m.Type {
		case Counter:
			v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
			v.WithLabelValues(values...)
			vector = v
		case Gauge:
			v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
			v.WithLabelValues(values...)
			vector = v
		case Histogram:
			v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: m.Name, Help: m.Help}, m.Labels)
			v.WithLabelValues(values...)
			vector = v
		}
		problems, err := testutil.CollectAndLint(vector)
		if err != nil || len(problems) > 0 {
			t.Errorf("%s: %v, %v", m.Name, problems, err)
		}
	}
}

var (
	spsOne = SPS(types.NamespacedName{Namespace: "metric-test", Name: "one"})
	npsOne = NPS(types.NamespacedName{Namespace: "metric-test", Name: "one"})
)

const oneURL = "https://metric-test.example.com"

// reportEverything calls every function that reports something.
func reportEverything() {
	spsOne.Called(rest.Call{Operation: "commit", Result: "200", Duration: time.Second})
	npsOne.Called(rest.Call{Operation: "log_in", Result: rest.ResultTimeout})
	spsOne.Circuit(rest.CircuitOpen)
	npsOne.Circuit(rest.CircuitClosed)
	spsOne.DriftFound(kinds.LocalUser)
	spsOne.DriftRepaired(kinds.LocalUser)
	spsOne.Adoption(kinds.LocalUser, AdoptionAdopted)
	npsOne.SessionRequest(RequestCreated)
	npsOne.SessionDuplicate(DuplicateEnded)
	npsOne.SessionExtension(ExtensionDone)
	npsOne.SessionActive(true, time.Minute)
	npsOne.SessionEnded(string(pamv1alpha1.SessionFailed), pamv1alpha1.FailureStartTimeout)
	npsOne.SessionEnded(string(pamv1alpha1.SessionCompleted), "")
	npsOne.SecretRemoved(time.Hour, time.Second)
	a := OfAppliance(oneURL)
	for kind := groupcommit.TransactionOpened; kind <= groupcommit.BatchLocked; kind++ {
		a.Transaction(groupcommit.Event{Kind: kind, Changes: 2, Hold: time.Second, Wait: time.Second})
	}
	a.Transaction(groupcommit.Event{Kind: groupcommit.NotOpened, Verdict: groupcommit.Locked})
	a.Change(appliance.Committed)
	a.InventoryRead(appliance.Moved)
	Build("1", "2")
	PassMoved("localuser", "", lane.Waiting)
	PassMoved("localuser", lane.Waiting, lane.Running)
	PassOver("localuser", time.Second, true)
	Leftover(SessionCollection)
	ReconcileRequested(kinds.LocalUser)
}

func TestEveryMetricHasSomethingThatReportsIt(t *testing.T) {
	reportEverything()
	got := gather(t)
	for _, m := range All() {
		if !m.AtScrape && got[m.Name] == nil {
			t.Errorf("%s is never reported", m.Name)
		}
	}
	for _, result := range []string{
		TransactionCommitted, TransactionRolledBack, TransactionLost, TransactionRollbackFailed, TransactionLocked,
		TransactionFailed,
	} {
		if n := valueOf(got[transactionsTotal], map[string]string{
			labelAppliance: "metric-test.example.com:443", labelResult: result,
		}); n != 1 {
			t.Errorf("%v transactions were %s, want 1", n, result)
		}
	}
}

func TestSeriesGoWithTheirConnection(t *testing.T) {
	reportEverything()
	spsOne.Forget()
	for name, family := range gather(t) {
		for _, m := range family {
			of := labelsOf(m)
			ours := of[labelConnection] == "one" && of[labelConnectionNamespace] == "metric-test"
			theirs := of[labelSystem] == SystemNPS || of[labelKind] == kinds.NPSConnection || strings.Contains(name, "session")
			if ours && !theirs {
				t.Errorf("%s%v outlives its connection", name, of)
			}
		}
	}
	other := map[string]string{labelSystem: SystemNPS, labelConnection: "one", labelConnectionNamespace: "metric-test"}
	if !hasSeries(gather(t)[requestsTotal], other) {
		t.Error("the other connection of that name has lost its series")
	}
	npsOne.Forget()
	Prune(nil, []string{Address(oneURL)}, nil, func(string) bool { return false })
	for name, family := range gather(t) {
		for _, m := range family {
			if of := labelsOf(m); of[labelConnectionNamespace] == "metric-test" || of[labelAppliance] == Address(oneURL) {
				t.Errorf("%s%v is left", name, of)
			}
		}
	}
}

// TestWhatIsCountedTooLateGoes is about a client that is still being closed when its connection is gone.
func TestWhatIsCountedTooLateGoes(t *testing.T) {
	spsOne.Forget()
	spsOne.Called(rest.Call{Operation: "roll_back", Result: "200"})
	spsOne.Called(rest.Call{Operation: "roll_back", Result: "200"})
	connections, appliances := Seen()
	if !slices.Contains(connections, spsOne) {
		t.Fatalf("it is not known: %v", connections)
	}
	Prune(connections, appliances, func(c Connection) bool { return c != spsOne }, func(string) bool { return true })
	if hasSeries(gather(t)[requestsTotal], map[string]string{labelConnectionNamespace: "metric-test"}) {
		t.Error("the series has come back")
	}
}

func TestRareCountersBeginAtZero(t *testing.T) {
	fresh := NPS(types.NamespacedName{Namespace: "metric-test", Name: "fresh"})
	defer fresh.Forget()
	fresh.Circuit(rest.CircuitClosed)
	OfAppliance("https://fresh.example.com")
	defer forgetAppliance("fresh.example.com:443")
	got := gather(t)
	for name, labels := range map[string]map[string]string{
		sessionDuplicates: {labelConnection: "fresh", labelOutcome: DuplicateEnded},
		transactionsTotal: {labelAppliance: "fresh.example.com:443", labelResult: TransactionRollbackFailed},
		leftoversTotal:    {labelCollection: SessionCollection},
	} {
		if !hasSeries(got[name], labels) {
			t.Errorf("%s%v is missing", name, labels)
		}
	}
}

func FuzzValuesThatAreInNoListAreOther(f *testing.F) {
	f.Add("secret")
	f.Add("200")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		for _, m := range All() {
			values := make([]string, len(m.Labels))
			for i := range values {
				values[i] = text
			}
			for i, value := range m.Close(values) {
				list := m.Values[m.Labels[i]]
				if list != nil && value != Other && !slices.Contains(list, value) {
					t.Errorf("%s shows %q as its %s", m.Name, value, m.Labels[i])
				}
			}
		}
	})
}

func TestAddressesOfAppliances(t *testing.T) {
	for url, want := range map[string]string{
		"https://sps.example.com":       "sps.example.com:443",
		"https://SPS.example.com:8443":  "sps.example.com:8443",
		"https://[2001:db8::1]":         "[2001:db8::1]:443",
		"https://[2001:db8::1]:8443":    "[2001:db8::1]:8443",
		"https://sps.example.com:6500/": "sps.example.com:6500",
	} {
		if got := Address(url); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}

func TestDocsMetricsIsUpToDate(t *testing.T) {
	want, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := Markdown(&got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("run make manifests: -docs/metrics.md +table:\n%s", diff)
	}
}

// TestOnlyMetricsOfTheTableAreNamed keeps documents, alerts, dashboards and the chart from naming what does not exist.
func TestOnlyMetricsOfTheTableAreNamed(t *testing.T) {
	name := regexp.MustCompile(`\bpam_[a-z_]+\b`)
	known := map[string]bool{}
	for _, m := range All() {
		known[m.Name] = true
		if m.Type == Histogram {
			known[m.Name+"_bucket"], known[m.Name+"_sum"], known[m.Name+"_count"] = true, true, true
		}
	}
	root := os.DirFS(filepath.Join("..", ".."))
	for _, dir := range []string{"docs", "config", "charts", "CHANGELOG.md", "README.md"} {
		err := fs.WalkDir(root, dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			text, err := fs.ReadFile(root, path)
			for _, found := range name.FindAllString(string(text), -1) {
				if !known[found] {
					t.Errorf("%s names %s, which is not in the table", path, found)
				}
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}

// gather returns our series by name.
func gather(t *testing.T) map[string][]*dto.Metric {
	t.Helper()
	gatherer, ok := crmetrics.Registry.(prometheus.Gatherer)
	if !ok {
		t.Fatal("the registry cannot be read")
	}
	families, err := gatherer.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]*dto.Metric{}
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "pam_") {
			out[family.GetName()] = family.GetMetric()
		}
	}
	return out
}

func labelsOf(m *dto.Metric) map[string]string {
	out := map[string]string{}
	for _, label := range m.GetLabel() {
		out[label.GetName()] = label.GetValue()
	}
	return out
}

func hasSeries(family []*dto.Metric, labels map[string]string) bool {
	return slices.ContainsFunc(family, func(m *dto.Metric) bool { return matches(m, labels) })
}

func matches(m *dto.Metric, labels map[string]string) bool {
	of := labelsOf(m)
	for name, value := range labels {
		if of[name] != value {
			return false
		}
	}
	return true
}

// valueOf is the sum of counters with these labels.
func valueOf(family []*dto.Metric, labels map[string]string) (sum float64) {
	for _, m := range family {
		if matches(m, labels) {
			sum += m.GetCounter().GetValue()
		}
	}
	return sum
}
