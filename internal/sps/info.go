// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/http/httptrace"
	"strings"
	"sync/atomic"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Info describes an appliance.
type Info struct {
	// Version is the firmware's, for example 7.0.3.
	Version string
	// ConfigHash changes with every commit, 32 hex digits; empty on appliances without it (docs/vendors/sps.md 4.10).
	ConfigHash string
	Hostname   string
	// Self is the public key of the appliance's certificate, and the names that the appliance reports: host name,
	// domain and nickname. It does not identify an appliance reliably: names are factory defaults, and certificates are
	// shared.
	Self string
	// Roles are the node's roles in a cluster.
	Roles []string
}

// Info reads what the appliance reports about itself. Without a log-in the same address answers with less: an answer
// without a version means that the log-in session has ended without a 401, so one fresh log-in follows
// (docs/vendors/sps.md 9).
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, cookie, err := c.info(ctx)
	if err != nil || info.Version != "" {
		return info, err
	}
	if _, err := c.reader.replaceCookie(ctx, cookie); err != nil {
		return Info{}, err
	}
	info, _, err = c.info(ctx)
	if err == nil && info.Version == "" {
		return Info{}, malformed(infoRequest, "the appliance does not report its version")
	}
	return info, err
}

// self combines the public key of the peer with the names that it reports (docs/vendors/sps.md 9). Any server can
// report any name; only the holder of the certificate's key can present the certificate.
func self(peer, hostname, domain, nickname string) string {
	if peer == "" {
		return ""
	}
	return peer + " " + rest.Shorten(strings.ToLower(hostname+"."+domain)+" "+nickname, maxHostname)
}

// withPeer records the public key of the peer for calls under a context; peer returns that of the latest call. It uses
// the connection that carries the call: each new connection to an address may reach a different server, and a
// certificate seen on another connection proves nothing about this answer.
func withPeer(ctx context.Context) (traced context.Context, peer func() string) {
	var sum atomic.Value
	gotConn := func(info httptrace.GotConnInfo) {
		sum.Store("")
		secured, ok := info.Conn.(interface{ ConnectionState() tls.ConnectionState })
		if !ok {
			return
		}
		if certificates := secured.ConnectionState().PeerCertificates; len(certificates) > 0 {
			key := sha256.Sum256(certificates[0].RawSubjectPublicKeyInfo)
			sum.Store(hex.EncodeToString(key[:]))
		}
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: gotConn}), func() string {
		known, _ := sum.Load().(string)
		return known
	}
}

var infoRequest = rest.Request{Operation: operationInfo, Method: http.MethodGet, Path: []string{"api", "info"}}

// info also returns the cookie from before the call, or the one that the call logged in for.
func (c *Client) info(ctx context.Context) (info Info, cookie string, err error) {
	cookie = c.reader.current()
	ctx, peer := withPeer(ctx)
	var answer struct {
		Body struct {
			FirmwareVersion string `json:"firmware_version"`
			ConfigHash      string `json:"config_hash"`
			Hostname        string `json:"hostname"`
			Domainname      string `json:"domainname"`
			Nickname        string `json:"nickname"`
			Roles           roles  `json:"roles"`
		} `json:"body"`
	}
	if err := c.reader.rest.DoJSON(ctx, infoRequest, &answer); err != nil {
		return Info{}, "", err
	}
	if cookie == "" {
		cookie = c.reader.current()
	}
	body := answer.Body
	if body.ConfigHash != "" && !rest.IsIdentifier(body.ConfigHash, maxConfigHash) {
		return Info{}, "", malformed(infoRequest, "the config_hash of the answer is not a checksum")
	}
	return Info{
		Version: rest.Shorten(body.FirmwareVersion, maxVersion), ConfigHash: body.ConfigHash,
		Hostname: rest.Shorten(body.Hostname, maxHostname), Self: self(peer(), body.Hostname, body.Domainname, body.Nickname),
		Roles: body.Roles,
	}, cookie, nil
}

// Limits on what the appliance reports about itself, in bytes. A config_hash is compared, so it is not shortened.
const (
	maxVersion    = 64
	maxConfigHash = 128
	maxHostname   = 253
	maxRoles      = 32
)

// roles are the first strings of a list; no sample shows what a role looks like.
type roles []string

// UnmarshalJSON skips what is not a string, and never fails.
func (r *roles) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return nil //nolint:nilerr // not a list, so no roles
	}
	var one json.RawMessage
	for decoder.More() && len(*r) < maxRoles && decoder.Decode(&one) == nil {
		name := ""
		if json.Unmarshal(one, &name) == nil {
			*r = append(*r, rest.Shorten(name, maxHostname))
		}
	}
	return nil
}
