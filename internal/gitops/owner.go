// SPDX-License-Identifier: Apache-2.0

// Package gitops tells which GitOps tool keeps an object as a repository has it. Such a tool creates the object again
// whenever it is gone.
package gitops

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// What the tools put on the objects that they apply, and on those that they only run.
const (
	// ArgoTracking is Argo CD's annotation "application:group/kind:namespace/name". A copy of an object has that of the
	// original, and is not the application's.
	ArgoTracking = "argocd.argoproj.io/tracking-id"
	// ArgoInstance is the label that Argo CD's documentation suggests for tracking by label. Its default, the label
	// app.kubernetes.io/instance, is on the objects of every Helm chart, and so tells nothing.
	ArgoInstance = "argocd.argoproj.io/instance"
	// FluxKustomization and FluxKustomizationNamespace are the labels of Flux's kustomize-controller.
	FluxKustomization          = "kustomize.toolkit.fluxcd.io/name"
	FluxKustomizationNamespace = "kustomize.toolkit.fluxcd.io/namespace"
	// FluxHelmRelease and FluxHelmReleaseNamespace are the labels of Flux's helm-controller.
	FluxHelmRelease          = "helm.toolkit.fluxcd.io/name"
	FluxHelmReleaseNamespace = "helm.toolkit.fluxcd.io/namespace"
	// ArgoHook and HelmHook are the annotations of a hook, which runs once in each synchronisation or upgrade.
	ArgoHook = "argocd.argoproj.io/hook"
	HelmHook = "helm.sh/hook"
)

// Annotations are the annotations that OwnerOf reads.
func Annotations() []string { return []string{ArgoTracking, ArgoHook, HelmHook} }

// Labels are the labels that OwnerOf reads.
func Labels() []string {
	return []string{
		ArgoInstance, FluxKustomization, FluxKustomizationNamespace, FluxHelmRelease, FluxHelmReleaseNamespace,
	}
}

// OwnerOf names the application that keeps an object as its repository has it, such as "the Argo CD application
// payments"; empty if there is none. A hook has no owner: its author wants it to be created anew each time.
func OwnerOf(o metav1.Object) string {
	notes, labels := o.GetAnnotations(), o.GetLabels()
	if notes[ArgoHook] != "" || notes[HelmHook] != "" {
		return ""
	}
	if application, ok := trackedBy(o); ok {
		return "the Argo CD application " + application
	}
	for _, mark := range []struct{ name, namespace, what string }{
		{ArgoInstance, "", "the Argo CD application "},
		{FluxKustomization, FluxKustomizationNamespace, "the Flux Kustomization "},
		{FluxHelmRelease, FluxHelmReleaseNamespace, "the Flux HelmRelease "},
	} {
		name, namespace := labels[mark.name], labels[mark.namespace]
		switch {
		case name == "":
		case namespace == "":
			return mark.what + name
		default:
			return mark.what + namespace + "/" + name
		}
	}
	return ""
}

// trackedBy is the Argo CD application whose tracking id is about this object and not about another one.
func trackedBy(o metav1.Object) (application string, ok bool) {
	parts := strings.Split(o.GetAnnotations()[ArgoTracking], ":")
	const members = 3
	if len(parts) != members || parts[0] == "" || parts[2] != o.GetNamespace()+"/"+o.GetName() {
		return "", false
	}
	return parts[0], true
}
