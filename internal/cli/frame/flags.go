// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// AddOutput adds --output with the formats that a command has.
func AddOutput(cmd *cobra.Command, format *printer.Format, allowed ...printer.Format) {
	names := make([]string, 0, len(allowed))
	for _, each := range allowed {
		names = append(names, string(each))
	}
	cmd.Flags().VarP(&output{format, allowed}, "output", "o", "How to print the result: "+strings.Join(names, ", "))
	Must(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp)))
}

// output is the value of --output.
type output struct {
	format  *printer.Format
	allowed []printer.Format
}

// Set takes a format that the command has.
func (o *output) Set(text string) error {
	*o.format = printer.Format(text)
	return o.format.Check(o.allowed...)
}

// String returns the value of the flag.
func (o *output) String() string {
	if o.format == nil { // pflag makes a value of its own to learn what the empty one is
		return ""
	}
	return string(*o.format)
}

// Type is shown in the help.
func (*output) Type() string { return "string" }

// Must panics on a mistake in the program.
func Must(err error) {
	if err != nil {
		panic(err)
	}
}

// WaitLimit is how long commands that change something wait for what comes of it, if they are not told otherwise.
const WaitLimit = 5 * time.Minute

// Acting are the options of commands that change objects. Each has --dry-run, and those that it asks for.
type Acting struct {
	Wait, Yes, Force bool
	Timeout          time.Duration
	DryRun           DryRun
	Output           printer.Format
}

// ActingFlag is one that a command may have, or do without.
type ActingFlag int

// The flags of Acting.
const (
	// FlagWait is --wait, which is the default, with --timeout.
	FlagWait ActingFlag = iota
	// FlagTimeout is --timeout, for commands that always wait.
	FlagTimeout
	// FlagYes is --yes.
	FlagYes
	// FlagForce is --force.
	FlagForce
	// FlagOutput is --output for a list of results.
	FlagOutput
)

// AddFlags adds --dry-run and others.
func (a *Acting) AddFlags(cmd *cobra.Command, others ...ActingFlag) {
	a.DryRun.AddFlag(cmd.Flags())
	for _, each := range others {
		switch each {
		case FlagWait:
			AddWait(cmd, &a.Wait, &a.Timeout)
		case FlagTimeout:
			AddTimeout(cmd, &a.Timeout)
		case FlagYes:
			AddYes(cmd, &a.Yes)
		case FlagForce:
			AddForce(cmd, &a.Force)
		case FlagOutput:
			AddOutput(cmd, &a.Output, printer.FormatJSON, printer.FormatYAML, printer.FormatName)
		}
	}
}

// AddTimeout adds --timeout.
func AddTimeout(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "timeout", WaitLimit, "How long to wait; 0 is without limit")
}

// AddWait adds the flags of commands that wait unless they are told not to.
func AddWait(cmd *cobra.Command, wait *bool, timeout *time.Duration) {
	cmd.Flags().BoolVar(wait, "wait", true, "Wait for what comes of it")
	AddTimeout(cmd, timeout)
}

// AddForce adds --force.
func AddForce(cmd *cobra.Command, force *bool) {
	cmd.Flags().BoolVar(force, "force", false, "Also change objects that a GitOps tool applies")
}

// AddYes adds --yes.
func AddYes(cmd *cobra.Command, yes *bool) {
	cmd.Flags().BoolVarP(yes, "yes", "y", false, "Do not ask")
}

// UsageError is a wrong flag or argument; the help is pointed at.
type UsageError struct{ cause error }

// Usage makes a UsageError.
func Usage(cause error) error { return UsageError{cause} }

// Usagef makes a UsageError of a text.
func Usagef(text string) error { return UsageError{errors.New(text)} }

// Error returns what is wrong.
func (e UsageError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e UsageError) Unwrap() error { return e.cause }
