// SPDX-License-Identifier: Apache-2.0

// Package apivalidation proves on a real API server what the resource definitions accept and what they refuse.
//
// What must be accepted is in testdata/accepted and config/samples. What must be refused comes in two parts: CEL rules,
// one table entry each, in the files named refusals; and limits in the schema itself, pinned in testdata/limits.yaml. A
// rule or limit without its entry fails a test. Everything in a definition except descriptions is pinned in
// testdata/definitions.txt.
package apivalidation

import (
	"context"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
)

const crdDir = "../../config/crd/bases"

var (
	plane *controlplane.ControlPlane
	// cluster refuses unknown and duplicate fields.
	cluster client.Client
)

func TestAPIValidation(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API validation")
}

var _ = BeforeSuite(func(ctx context.Context) {
	var err error
	// The control plane outlives this node, and the node's context ends with it.
	plane, err = controlplane.Start(context.WithoutCancel(ctx), controlplane.Options{CRDDirs: []string{crdDir}})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(plane.Stop)

	Expect(pamv1alpha1.AddToScheme(scheme.Scheme)).To(Succeed())
	cluster, err = client.New(plane.Config, client.Options{
		Scheme:          scheme.Scheme,
		FieldValidation: "Strict",
	})
	Expect(err).NotTo(HaveOccurred())
})
