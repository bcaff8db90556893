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
	// ConfigHash changes with every commit, 32 hex digits; empty on appliances that do not have it (sps contract 4.10).
	ConfigHash string
	Hostname   string
	// Self is the public key of the appliance's certificate, and what the appliance calls itself: host name, domain and
	// nickname. It is nobody's for certain: names come from the factory, and certificates are shared.
	Self string
	// Roles are the node's roles in a cluster.
	Roles []string
}

// Info asks the appliance who it is. The same address answers anybody, with less: an answer without a version means
// that the log-in session has ended without a 401, and one fresh log-in follows (sps contract 9).
func (c *Client) Info(ctx context.Context) (Info, error) {
	info, cookie, err := c.info(ctx)
	if err != nil || info.Version != "" {
		return info, err
	}
	if _, err := c.reader.renew(ctx, cookie); err != nil {
		return Info{}, err
	}
	info, _, err = c.info(ctx)
	if err == nil && info.Version == "" {
		return Info{}, malformed(infoRequest, "the appliance does not tell its version")
	}
	return info, err
}

// self is made of the public key of whoever answered and of what it says of itself (sps contract 9). Anybody can say
// anything; the certificate is what only the holder of its key can show.
func self(peer, hostname, domain, nickname string) string {
	if peer == "" {
		return ""
	}
	return peer + " " + rest.Shorten(strings.ToLower(hostname+"."+domain)+" "+nickname, maxHostname)
}

// withPeer has the public key noted of whoever the calls of a context are made to; peer returns that of the last one.
// It goes by the connection that carries the call: an address may lead each new connection to somebody else, and that
// another one was shown a certificate proves nothing of this answer.
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

var infoRequest = rest.Request{Method: http.MethodGet, Path: []string{"api", "info"}}

// info also returns the cookie of the time before the call, or the one that the call logged in for.
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
		return Info{}, "", malformed(infoRequest, "the config_hash of the answer is no checksum")
	}
	return Info{
		Version: rest.Shorten(body.FirmwareVersion, maxVersion), ConfigHash: body.ConfigHash,
		Hostname: rest.Shorten(body.Hostname, maxHostname), Self: self(peer(), body.Hostname, body.Domainname, body.Nickname),
		Roles: body.Roles,
	}, cookie, nil
}

// How much of what the appliance says of itself is kept, in bytes. A config_hash is compared, so it is not cut.
const (
	maxVersion    = 64
	maxConfigHash = 128
	maxHostname   = 253
	maxRoles      = 32
)

// roles are the first few texts of a list; no sample shows what a role looks like.
type roles []string

// UnmarshalJSON leaves out what is no text, and never fails.
func (r *roles) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	if start, err := decoder.Token(); err != nil || start != json.Delim('[') {
		return nil //nolint:nilerr // no list has no roles
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
