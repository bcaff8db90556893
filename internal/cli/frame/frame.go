// SPDX-License-Identifier: Apache-2.0

// Package frame is what the commands of the plugin have in common: streams, the way to the cluster, how they are run,
// how they ask, and with which code they end.
package frame

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/client-go/rest"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// Frame is what a command works with. The result goes to Out, everything else to ErrOut.
type Frame struct {
	genericiooptions.IOStreams
	// Version is the plugin's.
	Version string
	// Getenv reads the environment.
	Getenv func(string) string
	// Now is the clock for ages: this machine's, and once the API server has answered, that one's.
	Now func() time.Time
	// CanAsk reports whether there is somebody to ask: both In and ErrOut are terminals.
	CanAsk func() bool
	// Screen is what Out can show, and Aside what ErrOut can.
	Screen, Aside printer.Screen

	flags *genericclioptions.ConfigFlags
	color printer.ColorMode
	// machine is this machine's clock.
	machine func() time.Time
	// client is the last one that was made.
	client *cluster.Client
	skew   chan string
}

// New makes the frame of a process.
func New(streams genericiooptions.IOStreams, version string) *Frame {
	f := &Frame{
		IOStreams: streams, Version: version, Getenv: os.Getenv, Now: time.Now, color: printer.ColorAuto,
		flags: genericclioptions.NewConfigFlags(true),
	}
	f.flags.CacheDir = nil // nothing is cached
	f.flags.WrapConfigFn = func(config *rest.Config) *rest.Config {
		config.UserAgent = "kubectl-pam/" + version
		config.QPS, config.Burst = 50, 100
		config.WarningHandler = rest.NewWarningWriter(f.ErrOut, rest.WarningWriterOptions{Deduplicate: true})
		return config
	}
	f.CanAsk = func() bool { return isTerminal(streams.In) && isTerminal(streams.ErrOut) }
	return f
}

func isTerminal(stream any) bool {
	file, is := stream.(*os.File)
	return is && term.IsTerminal(int(file.Fd()))
}

// AddFlags adds kubectl's own flags, and --color.
func (f *Frame) AddFlags(flags *pflag.FlagSet) {
	f.flags.AddFlags(flags)
	flags.Var(&f.color, "color", "When to use colours. NO_COLOR has the effect of never")
}

// Detect finds out what the streams can show, once the flags are known.
func (f *Frame) Detect() {
	f.Screen = printer.Detect(f.Out, f.color, f.Getenv)
	f.Aside = printer.Detect(f.ErrOut, f.color, f.Getenv)
}

// Namespace is the one of --namespace, or of the kubeconfig.
func (f *Frame) Namespace() (string, error) {
	namespace, _, err := f.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// Connect makes a client of the API server, and starts to compare the operator's version with the plugin's.
func (f *Frame) Connect(ctx context.Context) (*cluster.Client, error) {
	c, err := f.ConnectQuietly()
	if err != nil {
		return nil, err
	}
	f.compareVersions(ctx, c)
	return c, nil
}

// ConnectQuietly makes a client, for commands that speak of versions themselves.
func (f *Frame) ConnectQuietly() (*cluster.Client, error) {
	config, err := f.flags.ToRESTConfig()
	if err != nil {
		return nil, fmt.Errorf("read the kubeconfig: %w", err)
	}
	namespace, err := f.Namespace()
	if err != nil {
		return nil, err
	}
	c, err := cluster.New(config, namespace)
	if err != nil {
		return nil, err
	}
	if f.machine == nil {
		f.machine = f.Now
	}
	f.Now, f.client = func() time.Time { return c.Now(f.machine()) }, c
	return c, nil
}

// Note says something beside the result.
func (f *Frame) Note(mark printer.Mark, format string, values ...any) {
	text := f.Aside.Mark(mark, printer.Clean(fmt.Sprintf(format, values...)))
	fmt.Fprintln(f.ErrOut, f.Aside.Paint(mark, text))
}

// Say writes a line of the result.
func (f *Frame) Say(mark printer.Mark, format string, values ...any) {
	text := f.Screen.Mark(mark, printer.Clean(fmt.Sprintf(format, values...)))
	fmt.Fprintln(f.Out, f.Screen.Paint(mark, text))
}

// Command is a subcommand: complete fills in what flags and arguments leave open, validate refuses what makes no sense,
// before anything is asked of the cluster, and run does it.
type Command interface {
	Complete(args []string) error
	Validate() error
	Run(ctx context.Context) error
}

// Plain is a command whose flags say everything.
type Plain struct{}

// Complete has nothing to fill in.
func (Plain) Complete([]string) error { return nil }

// Validate has nothing to refuse that the flags do not.
func (Plain) Validate() error { return nil }

// RunE runs a command under cobra.
func (f *Frame) RunE(c Command) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := c.Complete(args); err != nil {
			return err
		}
		if err := c.Validate(); err != nil {
			return err
		}
		err := c.Run(cmd.Context())
		if IsTimeout(err) {
			f.NoteLeaderless(cmd.Context())
		}
		f.warnOfSkew()
		return err
	}
}

// glance is how long a look may take for something that nobody asked for.
const glance = 5 * time.Second

// NoteLeaderless says so if no manager seems to lead: nothing moves then, and what is shown may be old.
func (f *Frame) NoteLeaderless(ctx context.Context) {
	if f.client == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	if f.client.SeemsLeaderless(ctx, f.Now()) {
		f.Note(printer.MarkUnknown, "no manager seems to lead: kubectl pam check")
	}
}

// PrintError writes an error for people.
func (f *Frame) PrintError(err error) {
	fmt.Fprintln(f.ErrOut, f.Aside.Paint(printer.MarkFailed, "error:"), clean(err))
}

func clean(err error) string { return printer.Clean(err.Error()) }
