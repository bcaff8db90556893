// SPDX-License-Identifier: Apache-2.0

// Package run is `kubectl pam session run`: a command with a session of its own, which ends with it.
package run

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// Values of --bind.
const (
	bindAuto = "auto"
	bindPod  = "pod"
	bindNone = "none"
)

// options are those of `kubectl pam session run`.
type options struct {
	*frame.Frame

	request                             session.Request
	maximum, timeout, within, killAfter time.Duration
	knownHostsFile, writeOnly, bind     string
	secrets, keep, hold, groupReadable  bool
	command                             []string
	knownHosts                          []byte
}

const (
	startLimit = 30 * time.Minute // people approve some sessions
	endLimit   = 30 * time.Second
	killLimit  = 10 * time.Second
)

const long = `Request a session, run CMD while it lasts, and end it.

CMD finds the connection data in a private folder, PAM_DIR: with SSH, 'ssh -F "$PAM_DIR/ssh_config" pam' connects; with
RDP, session.rdp is there. Other files are username and, with --password, password. They are written again whenever the
operator has fetched new connection data. The variables PAM_SESSION, PAM_NAMESPACE, PAM_SESSION_ID, PAM_EXPIRES_AT,
PAM_PROTOCOL, PAM_HOST and PAM_PORT contain no secrets; --env adds PAM_USERNAME, PAM_SSH_URL and PAM_PASSWORD.

The server does not publish the host keys of its SSH proxy. With --known-hosts, ssh accepts no others than those in that
file; otherwise, it checks them as it usually does.

The session ends when CMD does. If this command is interrupted or terminated, CMD gets the signal first. If the session
ends first, CMD is terminated. If this command is killed, the session ends with its Pod; outside a Pod, it never lasts
longer than 30 minutes from now, and is extended while CMD runs, up to --max-duration.

As a step of a Pod, --write-only DIR writes the files for other containers and leaves the session to the Pod. With
--hold, it keeps the files up to date and ends the session when it is stopped.

Exit codes: that of CMD; 124 no session within --timeout; 125 the session was refused, denied, or ended before CMD, or
could not be ended; 126 CMD cannot be executed; 127 CMD was not found; 128+n CMD was ended by signal n.`

// New makes the command.
func New(f *frame.Frame) *cobra.Command {
	o := &options{Frame: f}
	cmd := &cobra.Command{
		Use:   "run --connection NAME --activity NAME --resource HOST | --from FILE -- CMD [ARGUMENTS]",
		Short: "Run a command with a session of its own",
		Long:  long,
		Example: `  kubectl pam session run --connection nps-prod -n payments --activity 'Linux root' \
    --resource db1.payments.example.com -- sh -c 'ssh -F "$PAM_DIR/ssh_config" pam vacuumdb --all'
  kubectl pam session run --from request.yaml --write-only /session`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return noSession(f.RunE(o)(cmd, args))
		},
		Args: func(cmd *cobra.Command, args []string) error { return noSession(o.divide(cmd.ArgsLenAtDash(), args)) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return noSession(frame.Usage(err)) })
	o.request.AddFlags(f, cmd)
	o.addFlags(cmd)
	return cmd
}

func (o *options) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.Lookup("duration").Usage = "How long the session lasts at first; if left out 30m, in a Pod as long as the Pod"
	flags.DurationVar(&o.maximum, "max-duration", 0,
		"How long the session may last in all, where it is extended; 4h if left out")
	flags.DurationVar(&o.timeout, "timeout", startLimit, "How long to wait for the session; 0 is without limit")
	flags.DurationVar(&o.within, "end-timeout", endLimit, "How long to wait for its end")
	flags.DurationVar(&o.killAfter, "kill-after", killLimit, "How long CMD may take to end when it has to")
	flags.StringVar(&o.knownHostsFile, "known-hosts", "",
		"A file with the only SSH host keys to accept, as ssh-keyscan prints them")
	flags.BoolVar(&o.secrets, "env", false, "Also put what is secret into the environment of CMD, where others may see it")
	flags.BoolVar(&o.keep, "keep", false, "Keep the object as a record")
	flags.StringVar(&o.bind, "bind", bindAuto,
		"What ends the session if this command is killed: pod, none, or auto: the Pod if it runs in one")
	flags.StringVar(&o.writeOnly, "write-only", "",
		"Write the files into this folder, run nothing, and leave the session to the Pod")
	flags.BoolVar(&o.groupReadable, "group-readable", false, "With --write-only: the group of the files may read them")
	flags.BoolVar(&o.hold, "hold", false, "Run nothing, and keep the session until interrupted or terminated")
	frame.Must(cmd.RegisterFlagCompletionFunc("bind",
		cobra.FixedCompletions([]string{bindAuto, bindPod, bindNone}, cobra.ShellCompDirectiveNoFileComp)))
}

// divide takes the command line of CMD, which stands behind --.
func (o *options) divide(dash int, args []string) error {
	switch {
	case dash < 0 && len(args) > 0, dash > 0:
		return frame.Usage(errors.New("the command and its arguments stand behind --"))
	case o.nothingToRun() && len(args) > 0:
		return frame.Usagef("--write-only and --hold run no command")
	case !o.nothingToRun() && len(args) == 0:
		return frame.Usagef("no command: give one after --")
	}
	o.command = args
	return nil
}

func (o *options) nothingToRun() bool { return o.hold || o.writeOnly != "" }

// Complete has nothing to fill in.
func (o *options) Complete([]string) error { return nil }

// Validate checks the request, and reads what has to be there before it is made.
func (o *options) Validate() error {
	switch {
	case o.bind != bindAuto && o.bind != bindPod && o.bind != bindNone:
		return frame.Usagef("--bind must be auto, pod or none")
	case o.maximum < 0 || o.maximum > 0 && o.maximum < o.request.Duration:
		return frame.Usagef("--max-duration must not be less than --duration")
	case o.within <= 0, o.killAfter <= 0:
		return frame.Usagef("--end-timeout and --kill-after must be positive")
	case o.groupReadable && o.writeOnly == "":
		return frame.Usagef("--group-readable has no effect without --write-only")
	case o.secrets && o.nothingToRun():
		return frame.Usagef("--env has no effect without a command")
	}
	if o.knownHostsFile != "" {
		var err error
		if o.knownHosts, err = os.ReadFile(o.knownHostsFile); err != nil {
			return err
		}
	}
	return o.request.Validate()
}

// Run runs CMD with a session. From here on, signals are for it.
func (o *options) Run(ctx context.Context) error {
	signals, stop := listen(ctx)
	defer stop()
	if ctx.Err() != nil { // before that
		return context.Cause(ctx)
	}
	path := ""
	if !o.nothingToRun() {
		var err error
		if path, err = find(o.command); err != nil {
			return err
		}
	}
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	r := &runner{options: o, client: c, signals: signals, path: path, here: thisMachine(o.Getenv).pod()}
	return r.run(context.WithoutCancel(ctx))
}
