// SPDX-License-Identifier: Apache-2.0

// Package objects counts the objects of the cluster when they are scraped. Because nothing is kept between two scrapes,
// no series outlives its object. It reads the manager's cache, and what the pool knows of its clients; it never calls
// an appliance, a server or the API server.
package objects

import (
	"context"
	"time"

	"github.com/go-logr/logr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pam-operator/pam-operator/internal/connection"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/metrics"
)

// patience is how long a scrape waits for caches that have not been filled yet.
const patience = 5 * time.Second

// Source is where the objects are.
type Source interface {
	// Each calls visit for every object of a kind. The objects must not be changed or kept.
	Each(ctx context.Context, kind kinds.Kind, visit func(kinds.Object)) error
}

// Leftovers counts the records of leftovers, by the kind of the deleted object in lower case; known is false until they
// have been listed.
type Leftovers interface {
	Count() (byKind map[string]int, known bool)
}

// Clients is what the pool of connections knows without a call.
type Clients interface {
	Clients() []connection.ClientState
}

// Collector computes, at each scrape, the rows of the table that say so. Before it leads, a manager shows none of them,
// or every manager would count every object once more.
type Collector struct {
	Config

	descs map[string]desc
}

// Config is what a Collector counts.
type Config struct {
	Source    Source
	Clients   Clients
	Leftovers Leftovers
	// Elected is closed once the manager leads.
	Elected <-chan struct{}
	Log     logr.Logger
}

// desc is a row of the table as Prometheus knows it.
type desc struct {
	metrics.Metric

	described *prometheus.Desc
}

// NewCollector returns a collector, to be registered.
func NewCollector(config Config) *Collector {
	c := &Collector{Config: config, descs: map[string]desc{}}
	for _, m := range metrics.All() {
		if m.AtScrape {
			c.descs[m.Name] = desc{m, prometheus.NewDesc(m.Name, m.Help, m.Labels, nil)}
		}
	}
	return c
}

// Describe sends the descriptions of all rows.
func (c *Collector) Describe(to chan<- *prometheus.Desc) {
	for _, d := range c.descs {
		to <- d.described
	}
}

// Collect counts the objects. If they cannot be listed, it shows nothing rather than a part of them, and logs why.
func (c *Collector) Collect(to chan<- prometheus.Metric) {
	select {
	case <-c.Elected:
	default:
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	connections, appliances := metrics.Seen()
	t, err := c.tally(ctx)
	if err != nil {
		c.Log.Error(err, "the objects could not be counted for the metrics")
		return
	}
	metrics.Prune(connections, appliances, t.connections.exists, t.connections.reached)
	t.send(func(name string, value float64, labels ...string) {
		d := c.descs[name]
		to <- prometheus.MustNewConstMetric(d.described, prometheus.GaugeValue, value, d.Close(labels)...)
	})
}

// tally counts everything. Connections come first in the table of kinds, so that they are known when the objects are
// counted that refer to them.
func (c *Collector) tally(ctx context.Context) (*tally, error) {
	t := newTally()
	for _, kind := range kinds.All() {
		if err := c.Source.Each(ctx, kind, func(obj kinds.Object) { t.add(kind, obj) }); err != nil {
			return nil, err
		}
	}
	t.leftovers, t.leftoversKnown = c.Leftovers.Count()
	for _, client := range c.Clients.Clients() {
		t.connections.addClient(client)
	}
	return t, nil
}
