// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"context"
	"net/http"
	"strconv"
	"strings"
)

// RDPFile fetches the RDP file of an active session on a platform of IsRDPPlatform. It contains a token that lives
// about a minute: use it at once and treat it as a secret (docs/vendors/nps.md 7.1).
func (c *Client) RDPFile(ctx context.Context, id string) ([]byte, error) {
	text, err := c.nonEmpty(ctx, maxRDPFile, "Rdp", id)
	if target, parseErr := ParseRDPFile([]byte(text)); parseErr == nil {
		c.redactor.addIssued(target.Username)
	}
	return []byte(text), err
}

// SSHURL fetches the SSH URL of an active session. Its user part may be a token: treat it as a secret.
func (c *Client) SSHURL(ctx context.Context, id string) (string, error) {
	text, err := c.nonEmpty(ctx, maxURL, "Ssh", id)
	text = strings.TrimSpace(text)
	if target, parseErr := ParseSSHURL(text); parseErr == nil {
		c.redactor.addIssued(text, target.User)
	}
	return text, err
}

func (c *Client) nonEmpty(ctx context.Context, maxBytes int, elements ...string) (string, error) {
	req := session(operationConnectionData, http.MethodGet, elements...)
	text, err := c.text(ctx, req)
	if err != nil {
		return "", err
	}
	switch {
	case strings.TrimSpace(text) == "":
		return "", malformed(req, "the answer is empty")
	case len(text) > maxBytes:
		return "", malformed(req, "the answer is too long to be connection data")
	}
	return text, nil
}

// CanViewPassword reports whether Password would return the password of the session's account
// (docs/vendors/nps.md 7.2).
func (c *Client) CanViewPassword(ctx context.Context, id string) (bool, error) {
	req := session(operationConnectionData, http.MethodGet, id, "CanViewPassword")
	text, err := c.text(ctx, req)
	if err != nil {
		return false, err
	}
	can, err := strconv.ParseBool(strings.ToLower(strings.TrimSpace(text)))
	if err != nil {
		return false, malformed(req, "the answer is neither true nor false")
	}
	return can, nil
}

// Password fetches the password of the session's account. The session must be active and its profile must allow it; a
// refusal is a 403 or a 404 (docs/vendors/nps.md 7.2).
func (c *Client) Password(ctx context.Context, id string) (string, error) {
	req := session(operationConnectionData, http.MethodGet, id, "Password")
	req.Header.Set(acceptHeader, "text/plain, application/json")
	text, err := c.text(ctx, req)
	if err != nil {
		return "", err
	}
	switch {
	case text == "":
		return "", malformed(req, "the answer is empty")
	case len(text) > maxPassword:
		return "", malformed(req, "the answer is too long to be a password")
	}
	c.redactor.addIssued(text)
	return text, nil
}
