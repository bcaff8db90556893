// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/pam-operator/pam-operator/internal/installation"
)

// KStatus is what kstatus makes of an object, and with it every tool that knows nothing of us: Current, InProgress,
// Failed or Terminating.
func KStatus(o *unstructured.Unstructured) (string, error) {
	result, err := status.Compute(o)
	if err != nil {
		return "", err
	}
	return result.Status.String(), nil
}

// Expressions are the health checks of one kind in a Kustomization of Flux.
type Expressions struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	InProgress string `json:"inProgress,omitempty"`
	Failed     string `json:"failed,omitempty"`
	Current    string `json:"current"`
}

// Flux judges objects by health check expressions.
type Flux struct {
	checks []check
}

type check struct {
	kind   string
	status status.Status
	holds  cel.Program
}

// NewFlux compiles expressions in the environment that Flux has.
func NewFlux(expressions []Expressions) (Flux, error) {
	env, err := cel.NewEnv(cel.HomogeneousAggregateLiterals(), cel.EagerlyValidateDeclarations(true),
		cel.DefaultUTCTimeZone(true), cel.CrossTypeNumericComparisons(true), cel.OptionalTypes(), ext.Strings(), ext.Sets(),
		ext.Encoders())
	if err != nil {
		return Flux{}, err
	}
	var f Flux
	for _, e := range expressions {
		for _, each := range []struct { // in the order of Flux
			status status.Status
			text   string
		}{{status.InProgressStatus, e.InProgress}, {status.FailedStatus, e.Failed}, {status.CurrentStatus, e.Current}} {
			if each.text == "" {
				continue
			}
			// Flux parses and does not check, because a custom resource may have fields of any name.
			parsed, issues := env.Parse(each.text)
			if issues.Err() != nil {
				return Flux{}, fmt.Errorf("%s: %w", e.Kind, issues.Err())
			}
			program, err := env.Program(parsed, cel.EvalOptions(cel.OptOptimize))
			if err != nil {
				return Flux{}, fmt.Errorf("%s: %w", e.Kind, err)
			}
			f.checks = append(f.checks, check{e.Kind, each.status, program})
		}
	}
	return f, nil
}

// Status judges an object.
func (f Flux) Status(ctx context.Context, o *unstructured.Unstructured) (string, error) {
	observed, found, err := unstructured.NestedInt64(o.Object, "status", "observedGeneration")
	if err == nil && found && observed != o.GetGeneration() {
		return status.InProgressStatus.String(), nil
	}
	checked := false
	for _, c := range f.checks {
		if c.kind != o.GetKind() {
			continue
		}
		checked = true
		value, _, err := c.holds.ContextEval(ctx, o.Object)
		if err != nil {
			return "", fmt.Errorf("%s: %w", c.status, err)
		}
		if holds, isBool := value.(types.Bool); !isBool {
			return "", fmt.Errorf("%s: the expression is not true or false", c.status)
		} else if holds {
			return c.status.String(), nil
		}
	}
	if !checked {
		return "", errors.New("no expression for " + o.GetKind())
	}
	return status.InProgressStatus.String(), nil
}

// LoadExpressions reads the expressions of each Kustomization in a file, by its name.
func LoadExpressions(path string) (map[string][]Expressions, error) {
	content, err := os.ReadFile(path) //nolint:gosec // G304: tests name the file
	if err != nil {
		return nil, err
	}
	objects, err := installation.Decode(content)
	if err != nil {
		return nil, err
	}
	all := map[string][]Expressions{}
	for _, o := range objects {
		checks, found, err := unstructured.NestedSlice(o.Object, "spec", "healthCheckExprs")
		if err != nil || !found {
			continue
		}
		var expressions []Expressions
		if err := convert(checks, &expressions); err != nil {
			return nil, fmt.Errorf("%s: %w", o.GetName(), err)
		}
		all[o.GetName()] = expressions
	}
	return all, nil
}
