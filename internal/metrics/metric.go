// SPDX-License-Identifier: Apache-2.0

// Package metrics is the table of the manager's own metrics. Everything else derives from it: what is registered, which
// values a label may have, and docs/metrics.md.
//
// The rest of the program reports what happened by the functions of this package, in terms of connections and objects,
// and never sees a label. A value that is in no closed list, and that names no object of the cluster, becomes "other".
// What can be counted at any time, such as objects by reason, is not kept here: package objects counts it at each
// scrape.
package metrics

import (
	"fmt"
	"maps"
	"slices"
)

// Type is the type of a metric.
type Type string

// The types.
const (
	Counter   Type = "counter"
	Gauge     Type = "gauge"
	Histogram Type = "histogram"
)

// Stability is what may be expected of a metric in later versions, as for the metrics of Kubernetes.
type Stability string

const (
	// Alpha metrics may change, or go, with any release.
	Alpha Stability = "ALPHA"
	// Stable metrics keep their name, type, labels and meaning within an API version.
	Stable Stability = "STABLE"
)

// Other stands for every value of a label that is not in its list.
const Other = "other"

// Metric is a row of the table.
type Metric struct {
	// Name is what Prometheus knows it by.
	Name string
	Type Type
	// Labels are in the order in which values are passed.
	Labels []string
	// Values are the closed lists of values; labels without one are names of the cluster or of the build.
	Values map[string][]string
	// Help says what is counted, and in which unit.
	Help string
	// LookAt says what to look at, or to compare it with.
	LookAt    string
	Stability Stability
	// Buckets are the upper bounds of a histogram.
	Buckets []float64
	// AtScrape says that the value is computed when it is scraped, by the leader alone.
	AtScrape bool
	// Through is the kind of connection that its label connection names; empty if the label kind or system says so, or if
	// it has none.
	Through string
	// FromZero says that its series begin with 0, when the connection or appliance is first used if it has one: an
	// increase from nothing to 1 would be no increase to Prometheus.
	FromZero bool
}

// close adds the lists of labels that mean the same in every metric.
func (m *Metric) close(labels []Label) {
	own := m.Values
	m.Values = map[string][]string{}
	for _, l := range labels {
		if l.Values != nil && slices.Contains(m.Labels, l.Name) {
			m.Values[l.Name] = l.Values
		}
	}
	maps.Copy(m.Values, own)
}

// Close returns the values of the labels, with Other in place of what is in no list.
func (m Metric) Close(values []string) []string {
	out := slices.Clone(values)
	for i, label := range m.Labels {
		if list := m.Values[label]; list != nil && !slices.Contains(list, out[i]) {
			out[i] = Other
		}
	}
	return out
}

// Section is a part of the table.
type Section struct {
	Title   string
	Metrics []Metric
}

// All returns the rows of all sections.
func All() []Metric {
	var out []Metric
	for _, s := range Table() {
		out = append(out, s.Metrics...)
	}
	return out
}

// Named returns a row of the table. A name without a row is a mistake in the program, and a panic.
func Named(name string) Metric {
	for _, m := range All() {
		if m.Name == name {
			return m
		}
	}
	panic(fmt.Sprintf("there is no metric %s", name))
}

func (m Metric) has(label string) bool { return slices.Contains(m.Labels, label) }
