// SPDX-License-Identifier: Apache-2.0

// Package sshconfig writes configurations of OpenSSH (ssh_config(5)) that lead to one target under an alias.
package sshconfig

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Target is where an alias leads.
type Target struct {
	// Alias is what is typed instead of the host.
	Alias string
	Host  string
	Port  string
	// User may be empty, which leaves it to ssh. See Literal.
	User string
	// KnownHosts is the absolute path of a file with the only host keys that are accepted; empty leaves them to ssh.
	KnownHosts string
}

// Literal reports whether all versions of ssh read a user name in a configuration as it is written: none takes a part
// of it for the end of a quotation, a token (%h), a variable (${HOME}) or an escape. As an argument of -l, all of them
// take any name literally.
func Literal(user string) bool {
	return quotable(user) && !strings.ContainsAny(user, "%$")
}

// quotable reports whether a text can stand between quotation marks.
func quotable(text string) bool {
	for _, special := range []string{`"`, `\\`, `\'`} {
		if strings.Contains(text, special) {
			return false
		}
	}
	return !strings.HasSuffix(text, `\`) && !strings.ContainsFunc(text, unicode.IsControl)
}

// isNoWord reports whether a character ends a word of a configuration, or means something else than itself there.
func isNoWord(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || strings.ContainsRune("\"'\\#*?!,=%$", r)
}

// Text is the configuration, by which `ssh -F FILE ALIAS` reaches the target. A URL cannot do that: ssh ends the user
// name at the first @, interprets \, and defaults to port 22. A user name that is not literal is an error.
func (t Target) Text() (string, error) {
	if !Literal(t.User) {
		return "", errors.New("the user name cannot be written into an ssh configuration, because versions of ssh read " +
			"\", %, $ and \\ differently: pass it to ssh with -l")
	}
	for what, value := range map[string]string{"alias": t.Alias, "host": t.Host, "port": t.Port} {
		if value == "" || strings.HasPrefix(value, "-") || strings.ContainsFunc(value, isNoWord) {
			return "", fmt.Errorf("the %s %q cannot be written into an ssh configuration: it must be one word", what, value)
		}
	}
	var out strings.Builder
	fmt.Fprintf(&out, "Host %s\n  HostName %s\n  Port %s\n", t.Alias, t.Host, t.Port)
	if t.User != "" {
		fmt.Fprintf(&out, "  User \"%s\"\n", t.User)
	}
	if t.KnownHosts == "" {
		return out.String(), nil
	}
	if !quotable(t.KnownHosts) || strings.Contains(t.KnownHosts, "$") {
		return "", fmt.Errorf("the path %q cannot be written into an ssh configuration: use a folder without \", \\ and $",
			t.KnownHosts)
	}
	fmt.Fprintf(&out, "  UserKnownHostsFile \"%s\"\n  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n",
		strings.ReplaceAll(t.KnownHosts, "%", "%%"))
	return out.String(), nil
}
