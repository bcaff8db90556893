// SPDX-License-Identifier: Apache-2.0

package tracing

import (
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/go-logr/logr"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// complainEvery is how often it is logged that spans are not accepted.
const complainEvery = 10 * time.Minute

// maxComplaint bounds what is shown of an error, in bytes.
const maxComplaint = 500

// complaints logs the errors of the exporter once in a while. A collector that is down is no reason to fill the log.
type complaints struct {
	log     logr.Logger
	now     func() time.Time
	secrets *rest.Secrets

	mu     sync.Mutex
	next   time.Time
	unsaid int
}

func newComplaints(log logr.Logger, getenv func(string) string) *complaints {
	c := &complaints{log: log, now: time.Now, secrets: &rest.Secrets{}}
	c.secrets.Pin(headerSecrets(getenv)...)
	return c
}

// headerSecrets are what the variables send to the collector as headers, which it may quote.
func headerSecrets(getenv func(string) string) []string {
	var out []string
	for _, name := range []string{"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS"} {
		for pair := range strings.SplitSeq(getenv(name), ",") {
			_, value, _ := strings.Cut(pair, "=")
			if plain, err := url.PathUnescape(value); err == nil {
				value = plain
			}
			out = append(out, strings.TrimSpace(value))
			out = append(out, strings.Fields(value)...) // "Bearer" and the token
		}
	}
	return out
}

// Handle logs an error, or counts it.
func (c *complaints) Handle(err error) {
	if err == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Before(c.next) {
		c.unsaid++
		return
	}
	c.next = now.Add(complainEvery)
	c.log.Info("Traces are not exported; nothing else is affected", "error", c.secrets.Show(err.Error(), maxComplaint),
		"unreported", c.unsaid)
	c.unsaid = 0
}

// quiet is a logger for the library that shows what it says, but none of the values: they may be headers.
func quiet(log logr.Logger) logr.Logger { return logr.New(quietSink{log}) }

type quietSink struct{ log logr.Logger }

func (quietSink) Init(logr.RuntimeInfo)  {}
func (quietSink) Enabled(level int) bool { return level <= 1 } // the library's warnings

func (s quietSink) Info(_ int, message string, _ ...any)    { s.log.Info("OpenTelemetry: " + message) }
func (s quietSink) Error(_ error, message string, _ ...any) { s.log.Info("OpenTelemetry: " + message) }

func (s quietSink) WithValues(...any) logr.LogSink { return s }
func (s quietSink) WithName(string) logr.LogSink   { return s }
