// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"fmt"
	"strings"
)

// SSHConfigHost is what a session is called in its configuration of ssh.
const SSHConfigHost = "session"

// Config is a configuration of ssh (ssh_config(5)) by which `ssh -F FILE session` leads to the target. A URL cannot do
// that: ssh takes the first @ for the end of the user name, a \ for itself, and 22 for a port that is not there. ok is
// false for a user name that versions of ssh read differently; as an argument of -l it means itself in all of them.
func (t SSHTarget) Config() (config string, ok bool) {
	for _, special := range []string{`"`, `%`, `$`, `\\`, `\'`} { // quotes, tokens, variables and escapes
		if strings.Contains(t.User, special) {
			return "", false
		}
	}
	if strings.HasSuffix(t.User, `\`) {
		return "", false
	}
	config = fmt.Sprintf("Host %s\n  HostName %s\n  Port %d\n", SSHConfigHost, t.Host, t.Port)
	if t.User != "" {
		config += fmt.Sprintf("  User \"%s\"\n", t.User)
	}
	return config, true
}
