// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/internal/simulator/sps"
	"github.com/pam-operator/pam-operator/internal/textfile"
)

// spsVersions are the versions that docs/vendors/sps.md covers.
var spsVersions = []string{"6.0", "7.0", "8.0"}

// options are the command-line flags.
type options struct {
	spsAddress, npsAddress, controlAddress string
	dir                                    string
	serverNames                            string
	spsVersion                             string
	writeDelay, commitDelay                time.Duration
	provisioningDelay                      time.Duration
	spsUser, npsUser, npsApplication       string
	spsPassword, npsPassword, npsAPIKey    secret
}

// secret is given by a flag, or in a file named by the same flag with -file appended. The file takes precedence.
type secret struct{ value, file string }

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("pam-simulator", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.spsAddress, "sps-address", "127.0.0.1:8443", "HTTPS address of SPS; port 0 picks a free one")
	flags.StringVar(&o.npsAddress, "nps-address", "127.0.0.1:6500", "HTTPS address of NPS; port 0 picks a free one")
	flags.StringVar(&o.controlAddress, "control-address", "127.0.0.1:8090",
		"HTTP address of the page / and the control APIs /sps/ and /nps/, on loopback, without authentication")
	flags.StringVar(&o.dir, "dir", "pam-simulator", "folder for ca.crt, client.crt and client.key, written at every start")
	flags.StringVar(&o.serverNames, "server-names", "", "additional names in the server certificate, comma-separated")
	flags.StringVar(&o.spsVersion, "sps-version", "8.0", "version of SPS: "+strings.Join(spsVersions, ", "))
	flags.DurationVar(&o.writeDelay, "write-delay", 0, "time that SPS takes to write one change")
	flags.DurationVar(&o.commitDelay, "commit-delay", 0, "time that SPS takes to commit")
	flags.DurationVar(&o.provisioningDelay, "provisioning-delay", 0,
		"time that NPS takes to provision a session; 0 means its default, a negative value none")
	flags.StringVar(&o.spsUser, "sps-user", sps.DefaultUser, "SPS account, and common name of the client certificate")
	o.spsPassword.define(flags, "sps-password", sps.DefaultPassword, "password of the SPS account")
	flags.StringVar(&o.npsUser, "nps-user", "",
		"NPS user without a second factor; replaces the built-in users")
	o.npsPassword.define(flags, "nps-password", nps.DefaultPassword, "password of the NPS user")
	flags.StringVar(&o.npsApplication, "nps-application", nps.DefaultApplication, "NPS application user")
	o.npsAPIKey.define(flags, "nps-api-key", nps.DefaultAPIKey, "API key of the NPS application user")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	return o, o.complete(flags.Args())
}

func (s *secret) define(flags *flag.FlagSet, name, value, usage string) {
	flags.StringVar(&s.value, name, value, usage)
	flags.StringVar(&s.file, name+"-file", "", usage+", from a file")
}

// complete checks what flag parsing cannot, and reads the secrets.
func (o *options) complete(rest []string) error {
	if len(rest) > 0 {
		return fmt.Errorf("unexpected argument %q", rest[0])
	}
	if !slices.Contains(spsVersions, o.spsVersion) {
		return fmt.Errorf("SPS version %q is not one of %s", o.spsVersion, strings.Join(spsVersions, ", "))
	}
	return errors.Join(o.spsPassword.read(), o.npsPassword.read(), o.npsAPIKey.read())
}

// read reads the secret from its file, without the trailing newline.
func (s *secret) read() error {
	if s.file == "" {
		return nil
	}
	data, err := os.ReadFile(s.file)
	if err != nil {
		return fmt.Errorf("read secret: %w", err)
	}
	if s.value, err = textfile.Line(data); err != nil {
		return fmt.Errorf("%s %w", s.file, err)
	}
	return nil
}

func (o *options) names() []string {
	return strings.FieldsFunc(o.serverNames, func(r rune) bool { return r == ',' || r == ' ' })
}

// npsUsers returns the user from the command line, or nil for the built-in ones.
func (o *options) npsUsers() []nps.User {
	if o.npsUser == "" {
		return nil
	}
	return []nps.User{{Login: o.npsUser, Password: o.npsPassword.value}}
}
