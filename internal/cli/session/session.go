// SPDX-License-Identifier: Apache-2.0

// Package session has the subcommands of `kubectl pam session`: the life of a privileged session, from the request to
// its end.
package session

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// New makes the command with its subcommands.
func New(f *frame.Frame) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "session",
		Short: "Request, use and end privileged sessions",
		Long: `Request a privileged session from NPS, connect to it, and end it. A session is an ActivitySession object: what
is done here can also be done with kubectl.`,
	}
	for _, command := range []func(*frame.Frame) *cobra.Command{
		newList, newStart, newConnect, newRefresh, newExtend, newCancel, newLogs,
	} {
		cmd.AddCommand(command(f))
	}
	return cmd
}

// named is what commands about one session have.
type named struct {
	*frame.Frame
	name string
}

// command completes the arguments of a command about one session.
func (n *named) command(cmd *cobra.Command, c frame.Command) *cobra.Command {
	cmd.Args, cmd.RunE = cobra.ExactArgs(1), n.RunE(c)
	cmd.ValidArgsFunction = frame.CompleteNames(n.Frame, kinds.ActivitySession)
	return cmd
}

// Complete notes the name.
func (n *named) Complete(args []string) error {
	refs, err := cluster.ParseRefs([]string{"activitysession", args[0]}, "")
	if err == nil && len(refs) == 1 {
		n.name = refs[0].Name
		return nil
	}
	// As `-o name` prints it.
	refs, err = cluster.ParseRefs(args, "")
	if err != nil || len(refs) != 1 || refs[0].Kind.Name != kinds.ActivitySession || refs[0].Name == "" {
		return frame.Usage(fmt.Errorf("%q is not the name of an ActivitySession", args[0]))
	}
	n.name = refs[0].Name
	return nil
}

// Validate checks the name.
func (n *named) Validate() error {
	if problems := validation.IsDNS1123Subdomain(n.name); len(problems) > 0 {
		return frame.Usage(fmt.Errorf("%q is not the name of an ActivitySession: %s", n.name, problems[0]))
	}
	return nil
}

// get reads the session.
func (n *named) get(ctx context.Context, c *cluster.Client) (*pamv1alpha1.ActivitySession, error) {
	s := &pamv1alpha1.ActivitySession{}
	return s, c.Get(ctx, client.ObjectKey{Namespace: c.Namespace, Name: n.name}, s)
}

// Find reads a session as those may who may list them; nil if it is not there.
func Find(
	ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession,
) (*pamv1alpha1.ActivitySession, error) {
	list := &pamv1alpha1.ActivitySessionList{}
	err := c.List(ctx, list, client.InNamespace(s.Namespace), client.MatchingFields{"metadata.name": s.Name})
	if err != nil || len(list.Items) == 0 {
		return nil, err
	}
	return &list.Items[0], nil
}

// refOf is the reference to a session.
func refOf(s *pamv1alpha1.ActivitySession) cluster.Ref {
	return cluster.Ref{Kind: kinds.Of[*pamv1alpha1.ActivitySession](), Namespace: s.Namespace, Name: s.Name}
}
