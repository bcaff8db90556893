// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"context"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/printer"
	"github.com/pam-operator/pam-operator/internal/cli/state"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// connections are looked at in all namespaces, or in the caller's if that is not allowed.
func connections(ctx context.Context, s Subject) (Results, error) {
	const name = "connection"
	kindsOfConnection := slices.DeleteFunc(kinds.All(), func(k kinds.Kind) bool { return k.Connection != "" })
	found, err := s.ListKinds(ctx, kindsOfConnection, "")
	where := "in this cluster"
	if cluster.IsForbidden(err) {
		found, err = s.ListKinds(ctx, kindsOfConnection, s.Namespace)
		where = "in namespace " + s.Namespace
	}
	switch {
	case cluster.IsForbidden(err):
		return warning(name, err.Error(), "the connections cannot be seen"), nil
	case cluster.NotInstalled(err):
		return nil, nil // definitions says so
	case err != nil:
		return nil, err
	case len(found) == 0:
		return passed(name, "there are no connections %s yet", where), nil
	}
	var out Results
	for _, o := range found {
		out = append(out, connection(s, name, o)...)
	}
	return out, nil
}

func connection(s Subject, name string, o kinds.Object) Results {
	is, ref := state.Of(o), cluster.RefOf(o)
	who := ref.String() + " (" + ref.Namespace + ")"
	switch {
	case is.Ready() && meta.IsStatusConditionTrue(*o.GetStatus().ObjectConditions(), pamv1alpha1.ConditionInsecureTLS):
		return warning(name, "docs/security.md says what then does not hold",
			"%s: %s, but its certificate is not verified (insecureSkipVerify)", who, is.Word)
	case is.Ready():
		return passed(name, "%s: %s", who, is.Word)
	case !is.Stuck():
		return warning(name, "", "%s: %s: %s", who, is.Word, is.Message)
	}
	return failed(name, "owner of the connection: docs/runbook.md#"+strings.ToLower(is.Reason), "%s: %s since %s: %s", who,
		is.Word, printer.Age(s.Now, is.Since), is.Message)
}

// rights are those that most people need in their namespace.
func rights(ctx context.Context, s Subject) (Results, error) {
	const name = "rights"
	var wanted []cluster.Right
	for _, kind := range kinds.All() {
		for _, verb := range []string{"list", "watch"} {
			wanted = append(wanted, cluster.Right{Verb: verb, Resource: resource(kind), Namespace: s.Namespace})
		}
	}
	for _, each := range []string{kinds.ActivitySession, kinds.SessionTermination, kinds.RDPConnectionPolicy} {
		if kind, ours := kinds.Named(each); ours {
			wanted = append(wanted, cluster.Right{Verb: "create", Resource: resource(kind), Namespace: s.Namespace},
				cluster.Right{Verb: "patch", Resource: resource(kind), Namespace: s.Namespace})
		}
	}
	return missing(ctx, s, name, wanted, "you may see, request and change objects in namespace "+s.Namespace)
}

func resource(kind kinds.Kind) string { return kind.Resource + ".pam-operator.io" }

// missing warns of the rights that the caller lacks.
func missing(ctx context.Context, s Subject, name string, wanted []cluster.Right, all string) (Results, error) {
	var out Results
	lacking := map[string][]string{}
	var order []string
	for _, right := range wanted {
		allowed, err := s.May(ctx, right)
		if err != nil {
			return nil, err
		}
		if allowed {
			continue
		}
		where := "in the whole cluster"
		if right.Namespace != "" {
			where = "in namespace " + right.Namespace
		}
		what := strings.TrimSuffix(right.Resource, ".pam-operator.io") + " " + where
		if lacking[what] == nil {
			order = append(order, what)
		}
		lacking[what] = append(lacking[what], right.Verb)
	}
	for _, what := range order {
		out = append(out, warning(name, "", "you may not %s %s", strings.Join(lacking[what], ", "), what)...)
	}
	if len(out) == 0 {
		return passed(name, "%s", all), nil
	}
	return out, nil
}
