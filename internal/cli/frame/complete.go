// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// completionPatience is how long the shell waits for names.
const completionPatience = 2 * time.Second

// CompleteRefs offers kinds, and then names.
func CompleteRefs(f *Frame, allowed func() []kinds.Kind) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		kindText, _, slash := strings.Cut(typed, "/")
		if !slash {
			all := allowed()
			out := make([]cobra.Completion, 0, len(all))
			for _, kind := range all {
				out = append(out, cobra.CompletionWithDesc(kind.ShortName+"/", kind.Name))
			}
			return out, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
		}
		kind, err := cluster.ParseKind(kindText)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		names := names(cmd.Context(), f, kind)
		for i := range names {
			names[i] = kindText + "/" + names[i]
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteNames offers the names of the objects of kinds.
func CompleteNames(f *Frame, allowed ...string) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var out []string
		for _, name := range allowed {
			if kind, ours := kinds.Named(name); ours {
				out = append(out, names(cmd.Context(), f, kind)...)
			}
		}
		return out, cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteFlag offers the names of the objects of kinds as values of a flag.
func CompleteFlag(f *Frame, cmd *cobra.Command, flag string, allowed ...string) {
	Must(cmd.RegisterFlagCompletionFunc(flag, CompleteNames(f, allowed...)))
}

func names(ctx context.Context, f *Frame, kind kinds.Kind) []string {
	ctx, cancel := context.WithTimeout(ctx, completionPatience)
	defer cancel()
	c, err := f.ConnectQuietly()
	if err != nil {
		return nil
	}
	found, err := c.Names(ctx, kind)
	if err != nil {
		return nil
	}
	return found
}
