// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"context"
	"net/http"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// Info describes an appliance.
type Info struct {
	// Version is the firmware's, for example 7.0.3.
	Version string
	// ConfigHash changes with every commit, 32 hex digits; empty on appliances that do not have it (sps contract 4.10).
	ConfigHash string
	Hostname   string
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

var infoRequest = rest.Request{Method: http.MethodGet, Path: []string{"api", "info"}}

// info also returns the cookie of the time before the call, or the one that the call logged in for.
func (c *Client) info(ctx context.Context) (info Info, cookie string, err error) {
	cookie = c.reader.current()
	var answer struct {
		Body struct {
			FirmwareVersion string `json:"firmware_version"`
			ConfigHash      string `json:"config_hash"`
			Hostname        string `json:"hostname"`
			Roles           []any  `json:"roles"`
		} `json:"body"`
	}
	if err := c.reader.rest.DoJSON(ctx, infoRequest, &answer); err != nil {
		return Info{}, "", err
	}
	if cookie == "" {
		cookie = c.reader.current()
	}
	body := answer.Body
	info = Info{Version: body.FirmwareVersion, ConfigHash: body.ConfigHash, Hostname: body.Hostname}
	for _, role := range body.Roles { // no sample shows what a role looks like
		if name, ok := role.(string); ok {
			info.Roles = append(info.Roles, name)
		}
	}
	return info, cookie, nil
}
