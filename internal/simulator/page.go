// SPDX-License-Identifier: Apache-2.0

package simulator

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
)

// Kind is what the page on the control port takes an appliance for.
type Kind string

// Kinds of appliances that the page can show.
const (
	SPS Kind = "sps"
	NPS Kind = "nps"
)

//go:embed page.html
var page []byte

// controlPort serves the page, and the control APIs that it uses.
func controlPort(listeners []Listener) http.Handler {
	mux := http.NewServeMux()
	shown := []map[string]string{}
	for _, l := range listeners {
		if l.Control == nil {
			continue
		}
		mux.Handle("/"+l.Name+"/", http.StripPrefix("/"+l.Name, l.Control))
		if l.Kind != "" {
			shown = append(shown, map[string]string{"name": l.Name, "kind": string(l.Kind)})
		}
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "frame-ancestors 'none'") // no site may capture clicks in a frame
		_, _ = w.Write(page)
	})
	mux.HandleFunc("GET /appliances", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(shown)
	})
	return ownPagesOnly(mux)
}

// ownPagesOnly keeps other websites from using the port through a browser on this machine. A site cannot give itself an
// IP address or localhost as its name, so it cannot pass for this page by having its own name resolve to loopback.
func ownPagesOnly(next http.Handler) http.Handler {
	sameOrigin := http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := (&url.URL{Host: r.Host}).Hostname()
		if _, err := netip.ParseAddr(host); err != nil && host != "localhost" {
			http.Error(w, "the control port answers only to localhost and IP addresses", http.StatusForbidden)
			return
		}
		sameOrigin.ServeHTTP(w, r)
	})
}
