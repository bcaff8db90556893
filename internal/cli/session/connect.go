// SPDX-License-Identifier: Apache-2.0

package session

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"time"

	"github.com/spf13/cobra"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// staleAfter is when the token in an RDP file is taken for too old: servers accept it for about a minute.
const staleAfter = 45 * time.Second

// connectOptions are those of `kubectl pam session connect`.
type connectOptions struct {
	changing
	with             string
	print, showToken bool
	arguments        []string
}

func newConnect(f *frame.Frame) *cobra.Command {
	o := &connectOptions{changing: changing{named: named{Frame: f}, Acting: frame.Acting{Wait: true}}}
	cmd := &cobra.Command{
		Use:   "connect NAME [-- ARGUMENTS]",
		Short: "Open a session with the local ssh or RDP client",
		Long: `Connect to an active session: with ssh, or with the RDP client of the platform (mstsc, open, xfreerdp).

The connection data are in a private folder while the client runs, and are fetched again first if they are old.
Arguments behind -- go to the client. The command ends with the code of the client.`,
		Example: `  kubectl pam session connect linux-root-x7k2p
  kubectl pam session connect linux-root-x7k2p -- uptime
  kubectl pam session connect linux-root-x7k2p --print`,
		Args: func(cmd *cobra.Command, args []string) error {
			if dash := cmd.ArgsLenAtDash(); len(args) != 1 && dash != 1 {
				return errors.New("name one session; arguments for the client stand behind --")
			}
			return nil
		},
		RunE:              f.RunE(o),
		ValidArgsFunction: frame.CompleteNames(f, kinds.ActivitySession),
	}
	cmd.Flags().StringVar(&o.with, "with", "", "The client to use: a program that takes the file as its last argument")
	cmd.Flags().BoolVar(&o.print, "print", false, "Only print where the session leads")
	cmd.Flags().BoolVar(&o.showToken, "show-token", false, "With --print: the connection data, token included")
	frame.AddTimeout(cmd, &o.Timeout)
	return cmd
}

// Complete divides the arguments.
func (o *connectOptions) Complete(args []string) error {
	o.arguments = args[1:]
	return o.named.Complete(args[:1])
}

// Validate refuses what has no effect.
func (o *connectOptions) Validate() error {
	if o.showToken && !o.print {
		return frame.Usagef("--show-token has no effect without --print")
	}
	return o.named.Validate()
}

// Run connects.
func (o *connectOptions) Run(ctx context.Context) error {
	c, err := o.Connect(ctx)
	if err != nil {
		return err
	}
	s, err := o.get(ctx, c)
	if err != nil {
		return err
	}
	if usable, err := Usable(s); !usable {
		if err == nil {
			err = frame.Nof("as/%s cannot be used yet: it is %s", s.Name, s.Status.Phase)
		}
		return err
	}
	if err := c.Require(ctx, SecretRight(s)); err != nil {
		return err
	}
	if o.print {
		material, err := o.material(ctx, c, s)
		if err == nil {
			o.show(material)
		}
		return err
	}
	return o.open(ctx, c, s)
}

// material is what to connect with, fetched again first if it is old.
func (o *connectOptions) material(
	ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession,
) (Material, error) {
	s, err := o.freshen(ctx, c, s)
	if err != nil {
		return Material{}, err
	}
	return Fetch(ctx, o.Frame, c, s, func(ctx context.Context) (*pamv1alpha1.ActivitySession, error) {
		return o.get(ctx, c)
	})
}

func (o *connectOptions) show(m Material) {
	if o.showToken {
		fmt.Fprintln(o.Out, m.Secret())
		return
	}
	fmt.Fprintln(o.Out, printer.Clean(m.Describe()))
	o.Note(printer.MarkNone, "the token is not shown; --show-token prints it")
}

// freshen fetches the data again if the token in them may have expired.
func (o *connectOptions) freshen(
	ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession,
) (*pamv1alpha1.ActivitySession, error) {
	at := s.Status.SecretRefreshedAt
	if s.Status.Protocol != pamv1alpha1.ProtocolRDP || at == nil || o.Now().Sub(at.Time) < staleAfter {
		return s, nil
	}
	o.Note(printer.MarkUnderWay, "the connection data are %s old, and are fetched again", printer.Age(o.Now(), at.Time))
	if err := o.refresh(ctx, c, s); err != nil {
		return nil, err
	}
	return o.get(ctx, c)
}

// open runs the client, with the data in a private folder that goes with it. What is needed of this machine is looked
// at before the data are fetched, whose token may be good for one use.
func (o *connectOptions) open(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) (err error) {
	program, err := o.client(s.Status.Protocol)
	if err != nil {
		return err
	}
	folder, err := PrivateFolder(o.Getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	m, err := o.material(ctx, c, s)
	if err != nil {
		return err
	}
	file, user, err := m.WriteTo(folder)
	if err != nil {
		return err
	}
	if user != "" && o.with != "" {
		o.Note(printer.MarkUnknown, "the user name of this session cannot be written into ssh_config: it is in the key %s "+
			"of its Secret", keyUsername)
	}
	command := o.command(program, m.Protocol, file, user)
	client := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // G204: the client that the user wants
	client.Cancel = func() error { return client.Process.Signal(os.Interrupt) }
	client.WaitDelay = 5 * time.Second
	client.Stdin, client.Stdout, client.Stderr = o.In, o.Out, o.ErrOut
	err = client.Run()
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.ExitCode() >= 0 {
		return frame.Exit(ended.ExitCode(), nil)
	}
	return err
}

// client is the program of the client, with its own arguments.
func (o *connectOptions) client(protocol pamv1alpha1.Protocol) ([]string, error) {
	candidates := rdpClients()
	switch {
	case o.with != "":
		candidates = [][]string{{o.with}}
	case protocol == pamv1alpha1.ProtocolSSH:
		candidates = [][]string{{"ssh"}}
	}
	for _, candidate := range candidates {
		if _, err := exec.LookPath(candidate[0]); err == nil {
			return candidate, nil
		}
	}
	if o.with != "" {
		return nil, fmt.Errorf("the program %s of --with was not found", o.with)
	}
	return nil, fmt.Errorf("there is no %s client on this machine; name one with --with", protocol)
}

// command is the command line of the client for a file, and for a user name that is not in it.
func (o *connectOptions) command(program []string, protocol pamv1alpha1.Protocol, file, user string) []string {
	switch {
	case o.with != "":
		return append(append(slices.Clone(program), o.arguments...), file)
	case protocol == pamv1alpha1.ProtocolSSH && user != "":
		return append(append(slices.Clone(program), "-F", file, "-l", user, sshAlias), o.arguments...)
	case protocol == pamv1alpha1.ProtocolSSH:
		return append(append(slices.Clone(program), "-F", file, sshAlias), o.arguments...)
	}
	return append(append(slices.Clone(program), file), o.arguments...)
}

// rdpClients are those of the platform, the best first.
func rdpClients() [][]string {
	switch runtime.GOOS {
	case "windows":
		return [][]string{{"mstsc"}}
	case "darwin":
		return [][]string{{"open", "-W"}}
	}
	return [][]string{{"xfreerdp3"}, {"xfreerdp"}, {"wlfreerdp"}, {"remmina"}}
}
