// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// vectors are what is kept between scrapes: one for each row that is not computed at scrape.
var (
	rows       = map[string]Metric{}
	counters   = map[string]*prometheus.CounterVec{}
	gauges     = map[string]*prometheus.GaugeVec{}
	histograms = map[string]*prometheus.HistogramVec{}
)

func init() { //nolint:gochecknoinits // the registry of controller-runtime is filled by packages
	for _, m := range All() {
		rows[m.Name] = m
		if !m.AtScrape {
			metrics.Registry.MustRegister(newVector(m))
		}
	}
	beginAtZero(func(m Metric) (prometheus.Labels, bool) {
		return prometheus.Labels{}, !m.has(labelConnection) && !m.has(labelAppliance)
	})
}

// newVector makes the vector of a row, and keeps it.
func newVector(m Metric) prometheus.Collector {
	switch m.Type {
	case Counter:
		counters[m.Name] = prometheus.NewCounterVec(prometheus.CounterOpts{Name: m.Name, Help: m.Help}, m.Labels)
		return counters[m.Name]
	case Histogram:
		histograms[m.Name] = prometheus.NewHistogramVec(
			prometheus.HistogramOpts{Name: m.Name, Help: m.Help, Buckets: m.Buckets}, m.Labels)
		return histograms[m.Name]
	case Gauge:
	}
	gauges[m.Name] = prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: m.Name, Help: m.Help}, m.Labels)
	return gauges[m.Name]
}

func count(name string, values ...string) {
	counters[name].WithLabelValues(rows[name].Close(values)...).Inc()
}

func observe(name string, value float64, values ...string) {
	histograms[name].WithLabelValues(rows[name].Close(values)...).Observe(value)
}

// observeInTrace is observe, with the trace as an example if there is one.
func observeInTrace(trace, name string, value float64, values ...string) {
	histogram := histograms[name].WithLabelValues(rows[name].Close(values)...)
	if with, ok := histogram.(prometheus.ExemplarObserver); ok && trace != "" {
		with.ObserveWithExemplar(value, prometheus.Labels{"trace_id": trace})
		return
	}
	histogram.Observe(value)
}

// WithExemplars has metrics served in the one format that has exemplars, to those who ask for it.
func WithExemplars(o *promhttp.HandlerOpts) { o.EnableOpenMetrics = true }

func gauge(name string, values ...string) prometheus.Gauge {
	return gauges[name].WithLabelValues(rows[name].Close(values)...)
}
