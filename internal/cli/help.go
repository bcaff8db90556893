// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
)

// usageTemplate is cobra's without the flags that every command has: there are twenty of them. The others are wrapped.
func usageTemplate(s printer.Screen) string {
	usages := "FlagUsages"
	if s.Cut {
		usages = fmt.Sprintf("FlagUsagesWrapped %d", s.Width)
	}
	return strings.NewReplacer(
		`{{if .HasAvailableInheritedFlags}}

Global Flags:
{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}`, `{{if .HasAvailableInheritedFlags}}

Use "kubectl pam options" for the flags of kubectl that every command takes.{{end}}`,
		`{{if .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.FlagUsages | trimTrailingWhitespaces}}{{end}}`, `{{if and .HasParent .HasAvailableLocalFlags}}

Flags:
{{.LocalFlags.`+usages+` | trimTrailingWhitespaces}}{{end}}`,
	).Replace((&cobra.Command{}).UsageTemplate())
}

// fitHelp wraps the texts of all commands.
func fitHelp(cmd *cobra.Command, s printer.Screen) {
	cmd.Long = s.WrapText(cmd.Long)
	for _, sub := range cmd.Commands() {
		fitHelp(sub, s)
	}
}

// newExitCodes is a topic of the help: it has no action.
func newExitCodes() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "List the exit codes", Long: frame.ExitCodes}
}

// environmentText is the topic environment of the help, and part of docs/cli.md.
const environmentText = `Environment variables:

  KUBECONFIG              where the cluster is, as for kubectl
  NO_COLOR                turns colours off, as --color=never does
  COLUMNS                 the width of a line where there is no terminal; lines are then cut
  LC_ALL, LC_CTYPE, LANG  symbols outside ASCII are used in a UTF-8 locale only
`

func newEnvironment() *cobra.Command {
	return &cobra.Command{Use: "environment", Short: "List the environment variables that are read", Long: environmentText}
}

// newOptions lists the flags that the usage of the other commands leaves out.
func newOptions() *cobra.Command {
	return &cobra.Command{
		Use: "options", Short: "List the flags of kubectl that every command takes", Args: cobra.NoArgs, Hidden: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(cmd.OutOrStdout(), "These flags can be given to any command:\n\n",
				cmd.Root().PersistentFlags().FlagUsages())
			return err
		},
	}
}
