// SPDX-License-Identifier: Apache-2.0

// Package prometheus checks what config/prometheus and config/grafana say with Prometheus' own parser: that every
// expression is one, that every metric in it exists with these labels, and that no alert lacks a test. promtool, which
// "make test" runs as well, evaluates the rules.
package prometheus
