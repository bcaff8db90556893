// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"unicode"
)

// defaultSSHPort is the port of the vendor's SSH proxy (docs/vendors/nps.md 7.1); 22 would bypass it.
const defaultSSHPort = 4422

// SSHTarget is the target of an SSH URL.
type SSHTarget struct {
	// User may contain a one-time token, blanks, + and @: quote it, and treat it as a secret.
	User string
	Host string
	Port int
}

// ParseSSHURL parses ssh://user@host:port. The user part ends at the last @, because it may itself be
// user@domain+activity+host, and is percent-decoded (docs/vendors/nps.md 7.1). Errors never quote the URL.
func ParseSSHURL(raw string) (SSHTarget, error) {
	raw = strings.TrimSpace(raw)
	const scheme = "ssh://"
	if len(raw) < len(scheme) || !strings.EqualFold(raw[:len(scheme)], scheme) {
		return SSHTarget{}, errors.New("the connection url does not begin with ssh://")
	}
	authority := raw[len(scheme):]
	target := SSHTarget{}
	if at := strings.LastIndexByte(authority, '@'); at >= 0 {
		target.User = decodeUser(authority[:at])
		authority = authority[at+1:]
	}
	if strings.ContainsFunc(target.User, unicode.IsControl) {
		return SSHTarget{}, errors.New("the user of the ssh url has control characters")
	}
	if end := strings.IndexAny(authority, "/?#"); end >= 0 {
		authority = authority[:end]
	}
	var err error
	if target.Host, target.Port, err = splitAddress(authority); err != nil {
		return SSHTarget{}, fmt.Errorf("ssh url: %w", err)
	}
	if target.Port == 0 {
		target.Port = defaultSSHPort
	}
	return target, nil
}

// decodeUser leaves text unchanged that is not percent-encoded; a + stays a +, because it separates parts of the user
// name.
func decodeUser(text string) string {
	if decoded, err := url.PathUnescape(text); err == nil {
		return decoded
	}
	return text
}
