// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// Judges are the tools as our repository sets them up.
type Judges struct {
	ArgoCD ArgoCD
	Flux   Flux
}

// Verdict is what each tool makes of one object.
type Verdict struct {
	// ArgoCD is a health status.
	ArgoCD string
	// KStatus is what a tool says that knows nothing of us, and Flux what it says with our expressions.
	KStatus, Flux string
}

// NewJudges reads config/argocd/argocd-cm.yaml and config/flux/sync.yaml below the folder of the repository.
func NewJudges(root string) (Judges, error) {
	argocd, err := LoadArgoCD(filepath.Join(root, "config", "argocd", "argocd-cm.yaml"))
	if err != nil {
		return Judges{}, err
	}
	byKustomization, err := LoadExpressions(filepath.Join(root, "config", "flux", "sync.yaml"))
	if err != nil {
		return Judges{}, err
	}
	var all []Expressions
	for _, expressions := range byKustomization {
		all = slices.Concat(all, expressions)
	}
	flux, err := NewFlux(all)
	return Judges{argocd, flux}, err
}

// Judge asks every tool.
func (j Judges) Judge(ctx context.Context, o *unstructured.Unstructured) (Verdict, error) {
	health, err := j.ArgoCD.Health(ctx, o)
	if err != nil {
		return Verdict{}, fmt.Errorf("health of Argo CD: %w", err)
	}
	kstatus, err := KStatus(o)
	if err != nil {
		return Verdict{}, fmt.Errorf("kstatus: %w", err)
	}
	flux, err := j.Flux.Status(ctx, o)
	if err != nil {
		return Verdict{}, fmt.Errorf("expressions of Flux: %w", err)
	}
	return Verdict{health.Status, kstatus, flux}, nil
}
