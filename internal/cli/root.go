// SPDX-License-Identifier: Apache-2.0

// Package cli is the kubectl plugin: `kubectl pam`. Each subcommand has a file with its options, and the methods
// Complete, Validate and Run. It talks to the API server and to nothing else.
package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"

	"github.com/go-logr/logr"
	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"
	"k8s.io/klog/v2"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/run"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// Main runs the plugin with the arguments and streams of the process, and returns its exit code. The first signal ends
// the command in an orderly way, the second one at once.
func Main(version string) int {
	// What the libraries say is for their authors; warnings of the API server are printed by the client.
	klog.SetLogger(logr.Discard())
	log.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		s := <-signals
		signal.Stop(signals)
		cancel(frame.Interrupted(s))
	}()
	streams := genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr}
	return Run(ctx, frame.New(streams, version), os.Args[1:])
}

// Run runs the plugin with arguments, and returns the exit code.
func Run(ctx context.Context, f *frame.Frame, args []string) int {
	root := New(f)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	err = reworded(err)
	code, message := frame.Code(ctx, err)
	if message != nil {
		f.PrintError(message)
	}
	var usage frame.UsageError
	if errors.As(err, &usage) {
		fmt.Fprintf(f.ErrOut, "See '%s --help'.\n", cmd.CommandPath())
	}
	return code
}

// unknownCommand is how cobra words that, over several lines.
var unknownCommand = regexp.MustCompile(`(?s)^unknown command ("[^"]*") for "[^"]*"(?:\s+Did you mean this\?(.*))?$`)

// reworded makes a wrong command a wrong usage, in one line.
func reworded(err error) error {
	if err == nil {
		return nil
	}
	parts := unknownCommand.FindStringSubmatch(err.Error())
	if parts == nil {
		return err
	}
	text := "there is no command " + parts[1]
	if meant := strings.Fields(parts[2]); len(meant) > 0 {
		text += "; did you mean " + strings.Join(meant, " or ") + "?"
	}
	return frame.Usagef(text)
}

// New makes the root command with all subcommands.
func New(f *frame.Frame) *cobra.Command {
	root := &cobra.Command{
		Use:         "kubectl-pam",
		Annotations: map[string]string{cobra.CommandDisplayNameAnnotation: "kubectl pam"},
		Short:       "Inspect and control what pam-operator manages",
		Long: `Privileged access as Kubernetes objects: see how they are, compare them with the appliance, and act on them.

The plugin talks to the API server and to nothing else. It never has the credentials of an appliance or a server.`,
		SilenceUsage: true, SilenceErrors: true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRun:  func(*cobra.Command, []string) { f.Detect() },
	}
	f.Detect() // for errors before any command runs
	root.SetIn(f.In)
	root.SetOut(f.Out)
	root.SetErr(f.ErrOut)
	f.AddFlags(root.PersistentFlags())
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return frame.Usage(err) })
	root.SetUsageTemplate(usageTemplate(f.Screen))
	for _, g := range groups {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, command := range g.commands {
			sub := command(f)
			sub.GroupID = g.id
			root.AddCommand(sub)
		}
	}
	root.SetHelpCommandGroupID(groupSelf)
	root.AddCommand(newOptions(), newExitCodes(), newEnvironment())
	rewordArgumentErrors(root)
	fitHelp(root, f.Screen)
	return root
}

const groupSelf = "self"

// newSession makes the subcommands about sessions.
func newSession(f *frame.Frame) *cobra.Command {
	cmd := session.New(f)
	cmd.AddCommand(run.New(f))
	return cmd
}

// groups are the subcommands in the order of the help.
var groups = []struct {
	id, title string
	commands  []func(*frame.Frame) *cobra.Command
}{
	{"see", "See:", []func(*frame.Frame) *cobra.Command{newStatus, newDiff, newCheck}},
	{"act", "Act:", []func(*frame.Frame) *cobra.Command{newReconcile, newSuspend, newResume, newTerminate}},
	{"move", "Adopt and release:", []func(*frame.Frame) *cobra.Command{newExport, newUnmanaged, newAdopt, newRelease}},
	{"session", "Privileged sessions:", []func(*frame.Frame) *cobra.Command{newSession}},
	{groupSelf, "The plugin:", []func(*frame.Frame) *cobra.Command{newVersion, newCompletion}},
}

// rewordArgumentErrors makes errors about arguments those of usage.
func rewordArgumentErrors(cmd *cobra.Command) {
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			if err := check(cmd, args); err != nil {
				return frame.Usage(err)
			}
			return nil
		}
	}
	for _, sub := range cmd.Commands() {
		rewordArgumentErrors(sub)
	}
}
