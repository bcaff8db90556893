// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"strconv"

	"github.com/pam-operator/pam-operator/internal/sshconfig"
)

// SSHConfigHost is the session's host alias in its ssh configuration.
const SSHConfigHost = "session"

// Config returns an ssh configuration (ssh_config(5)) with which `ssh -F FILE session` reaches the target. ok is false
// for a user name that ssh versions interpret differently; passed to -l, all of them take it literally.
func (t SSHTarget) Config() (config string, ok bool) {
	config, err := sshconfig.Target{Alias: SSHConfigHost, Host: t.Host, Port: strconv.Itoa(t.Port), User: t.User}.Text()
	return config, err == nil
}
