// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// selecting is how commands are told which objects they are about: by name, by connection, in a namespace or in all.
type selecting struct {
	*frame.Frame
	refs          []cluster.Ref
	connection    string
	allNamespaces bool
	namespace     string
}

func (s *selecting) addFlags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.connection, "connection", "", "Only objects that go through this connection")
	cmd.Flags().BoolVarP(&s.allNamespaces, "all-namespaces", "A", false, "In all namespaces")
}

// Complete reads the arguments.
func (s *selecting) Complete(args []string) (err error) {
	if s.namespace, err = s.Namespace(); err != nil {
		return err
	}
	if s.allNamespaces {
		s.namespace = ""
	}
	s.refs, err = cluster.ParseRefs(args, s.namespace)
	if err != nil {
		return frame.Usage(err)
	}
	return nil
}

// Validate refuses what contradicts itself.
func (s *selecting) Validate() error {
	for _, ref := range s.refs {
		if ref.Name != "" && s.allNamespaces {
			return frame.Usagef("a name is in one namespace: use --namespace instead of --all-namespaces")
		}
		if ref.Name != "" && s.connection != "" {
			return frame.Usagef("give names or --connection, and not both")
		}
	}
	return nil
}

// named reports whether single objects were asked for.
func (s *selecting) named() bool {
	for _, ref := range s.refs {
		if ref.Name == "" {
			return false
		}
	}
	return len(s.refs) > 0
}

// fetch reads the objects: those of the arguments, or all of the kinds.
func (s *selecting) fetch(ctx context.Context, c *cluster.Client, all []kinds.Kind) ([]kinds.Object, error) {
	var objects []kinds.Object
	var err error
	if len(s.refs) > 0 {
		objects, err = c.GetRefs(ctx, s.refs)
	} else {
		objects, err = c.ListKinds(ctx, all, s.namespace)
	}
	if err != nil {
		return nil, err
	}
	return s.filter(objects), nil
}

// fetchVisible is fetch without the kinds that the caller may not list. hidden is the missing right, if there is one.
func (s *selecting) fetchVisible(
	ctx context.Context, c *cluster.Client, all []kinds.Kind,
) (objects []kinds.Object, hidden, err error) {
	if len(s.refs) > 0 {
		objects, err = s.fetch(ctx, c, all)
		return objects, nil, err
	}
	objects, hidden, err = c.ListVisible(ctx, all, s.namespace)
	return s.filter(objects), hidden, err
}

// followed are the references to watch for the same objects.
func (s *selecting) followed(all []kinds.Kind) []cluster.Ref {
	if len(s.refs) > 0 {
		return s.refs
	}
	refs := make([]cluster.Ref, 0, len(all))
	for _, kind := range all {
		refs = append(refs, cluster.Ref{Kind: kind, Namespace: s.namespace})
	}
	return refs
}

// filter keeps a connection and what goes through it.
func (s *selecting) filter(objects []kinds.Object) []kinds.Object {
	if s.connection == "" {
		return objects
	}
	var out []kinds.Object
	for _, o := range objects {
		connected, is := o.(kinds.Connected)
		if is && connected.Connection().Name == s.connection || !is && o.GetName() == s.connection {
			out = append(out, o)
		}
	}
	return out
}
