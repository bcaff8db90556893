// SPDX-License-Identifier: Apache-2.0

package frame

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Confirm asks before something that cannot be taken back. Without somebody to ask it refuses, unless --yes was given.
func (f *Frame) Confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	if !f.CanAsk() {
		return errors.New("nobody can be asked here: add --yes once you have seen what --dry-run=client prints")
	}
	fmt.Fprint(f.ErrOut, question+" [y/N] ")
	answer, err := bufio.NewReader(f.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return Exit(ExitNo, errors.New("nothing was done"))
}

// What GitOps tools put on the objects that they apply.
const (
	argoTracking = "argocd.argoproj.io/tracking-id"
	fluxName     = "kustomize.toolkit.fluxcd.io/name"
	fluxSpace    = "kustomize.toolkit.fluxcd.io/namespace"
	helmName     = "helm.toolkit.fluxcd.io/name"
	helmSpace    = "helm.toolkit.fluxcd.io/namespace"
)

// OwnerInGit is the application that applies an object from Git; empty if there is none.
func OwnerInGit(o client.Object) string {
	if id := o.GetAnnotations()[argoTracking]; id != "" {
		application, _, _ := strings.Cut(id, ":")
		return "the Argo CD application " + application
	}
	labels := o.GetLabels()
	if name := labels[fluxName]; name != "" {
		return "the Flux Kustomization " + labels[fluxSpace] + "/" + name
	}
	if name := labels[helmName]; name != "" {
		return "the Flux HelmRelease " + labels[helmSpace] + "/" + name
	}
	return ""
}

// Guard refuses to change the spec of an object that is applied from Git: the tool would change it back, or show it as
// out of sync for ever. The change is described by field, such as "spec.suspend: true".
func Guard(o client.Object, name, change string, force bool) error {
	owner := OwnerInGit(o)
	if owner == "" || force {
		return nil
	}
	return fmt.Errorf("%s belongs to %s: set %s in Git instead, or add --force to change it here nevertheless",
		name, owner, change)
}
