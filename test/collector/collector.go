// SPDX-License-Identifier: Apache-2.0

// Package collector is a collector of traces for tests: it takes them by OTLP over gRPC, on loopback, and keeps them.
package collector

import (
	"context"
	"net"
	"sync"
	"testing"

	service "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// Collector keeps what it has received.
type Collector struct {
	service.UnimplementedTraceServiceServer

	// Endpoint is its host:port, without TLS.
	Endpoint string

	mu       sync.Mutex
	spans    []*v1.Span
	received []byte
}

// Start starts a collector, which ends with the test.
func Start(t *testing.T) *Collector {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c, server := &Collector{Endpoint: l.Addr().String()}, grpc.NewServer()
	service.RegisterTraceServiceServer(server, c)
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

// Export takes spans.
func (c *Collector) Export(
	_ context.Context, request *service.ExportTraceServiceRequest,
) (*service.ExportTraceServiceResponse, error) {
	text, err := proto.Marshal(request)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.received = append(c.received, text...)
	for _, resource := range request.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			c.spans = append(c.spans, scope.Spans...)
		}
	}
	return &service.ExportTraceServiceResponse{}, nil
}

// Received is everything as it came over the wire, in which texts are as they are.
func (c *Collector) Received() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.received)
}

// Names counts the spans by name.
func (c *Collector) Names() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]int{}
	for _, s := range c.spans {
		out[s.Name]++
	}
	return out
}
