// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// kubectlScript is what kubectl looks for under the name kubectl_complete-pam, to complete `kubectl pam`.
const kubectlScript = `#!/usr/bin/env sh
# Completes "kubectl pam". Put it on your PATH, executable, as kubectl_complete-pam.
exec kubectl pam __complete "$@"
`

// completionOptions are those of `kubectl pam completion`.
type completionOptions struct {
	*frame.Frame
	root  func() *cobra.Command
	shell string
}

var shells = []string{"bash", "zsh", "fish", "powershell", "kubectl"}

func newCompletion(f *frame.Frame) *cobra.Command {
	o := &completionOptions{Frame: f}
	cmd := &cobra.Command{
		Use:   "completion bash|zsh|fish|powershell|kubectl",
		Short: "Print a completion script",
		Long: `Print a script that completes commands, kinds and names.

"kubectl" prints the script that kubectl itself looks for, for completing "kubectl pam": put it on your PATH under the
name kubectl_complete-pam, and make it executable. The others complete "kubectl-pam" in their shell.`,
		Example:   "  kubectl pam completion kubectl >~/bin/kubectl_complete-pam && chmod +x ~/bin/kubectl_complete-pam",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: shells,
		RunE:      f.RunE(o),
	}
	o.root = cmd.Root
	return cmd
}

// Complete notes the shell.
func (o *completionOptions) Complete(args []string) error {
	o.shell = args[0]
	return nil
}

// Validate has nothing to check: cobra did.
func (o *completionOptions) Validate() error { return nil }

// Run prints the script.
func (o *completionOptions) Run(context.Context) error {
	switch root := o.root(); o.shell {
	case "bash":
		return root.GenBashCompletionV2(o.Out, true)
	case "zsh":
		return root.GenZshCompletion(o.Out)
	case "fish":
		return root.GenFishCompletion(o.Out, true)
	case "powershell":
		return root.GenPowerShellCompletionWithDesc(o.Out)
	}
	_, err := fmt.Fprint(o.Out, kubectlScript)
	return err
}
