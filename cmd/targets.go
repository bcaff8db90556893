// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"net"
	"net/url"
	"strings"

	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/client-go/rest"
)

// targets is a repeatable flag with comma-separated values.
type targets []string

// String joins the values.
func (t *targets) String() string { return strings.Join(*t, ",") }

// Set adds values.
func (t *targets) Set(text string) error {
	for value := range strings.SplitSeq(text, ",") {
		if value = strings.TrimSpace(value); value != "" {
			*t = append(*t, value)
		}
	}
	return nil
}

// minAnswerMemory is enough for one large list.
const minAnswerMemory = 16 << 20

func (s *settings) setAnswerMemory(text string) error {
	quantity, err := resource.ParseQuantity(text)
	if err != nil {
		return err
	}
	if s.answerMemory = quantity.Value(); s.answerMemory < minAnswerMemory {
		return errors.New("want 16Mi or more")
	}
	return nil
}

// apiServers are the addresses of the API server, as host:port: the one that the manager uses, and those that every Pod
// uses.
func apiServers(config *rest.Config, environment func(string) string) []string {
	var out []string
	if host, port := environment("KUBERNETES_SERVICE_HOST"), environment("KUBERNETES_SERVICE_PORT"); host != "" {
		out = append(out, net.JoinHostPort(host, port), net.JoinHostPort("kubernetes.default.svc", port))
	}
	raw := config.Host
	if !strings.Contains(raw, "://") {
		raw = "https://" + raw
	}
	if u, err := url.Parse(raw); err == nil && u.Hostname() != "" {
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80"}[u.Scheme]
		}
		if port == "" {
			port = "443"
		}
		out = append(out, net.JoinHostPort(u.Hostname(), port))
	}
	return out
}
