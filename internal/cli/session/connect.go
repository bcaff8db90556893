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
		Short: "Open a session with the ssh or RDP client of this machine",
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
	if s, err = o.freshen(ctx, c, s); err != nil {
		return err
	}
	material, err := Fetch(ctx, c, s)
	if err != nil {
		return err
	}
	if o.print {
		o.show(material)
		return nil
	}
	return o.open(ctx, material)
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

// open runs the client, with the data in a private folder that goes with it.
func (o *connectOptions) open(ctx context.Context, m Material) (err error) {
	folder, err := PrivateFolder(o.Getenv)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	file, err := m.WriteTo(folder)
	if err != nil {
		return err
	}
	command, err := o.client(m.Protocol, file)
	if err != nil {
		return err
	}
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

// client is the command line of the client for a file.
func (o *connectOptions) client(protocol pamv1alpha1.Protocol, file string) ([]string, error) {
	if o.with != "" {
		return append(append([]string{o.with}, o.arguments...), file), nil
	}
	if protocol == pamv1alpha1.ProtocolSSH {
		return append([]string{"ssh", "-F", file, sshAlias}, o.arguments...), nil
	}
	for _, candidate := range rdpClients() {
		if _, err := exec.LookPath(candidate[0]); err == nil {
			return append(append(slices.Clone(candidate), file), o.arguments...), nil
		}
	}
	return nil, errors.New("there is no RDP client on this machine; name one with --with")
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
