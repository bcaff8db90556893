// SPDX-License-Identifier: Apache-2.0

// Package deletion_test deletes everything in every order, with managers that stop and restart in between, on a real
// control plane: deletion always completes, and then the appliance is clean or the leftover is reported.
package deletion_test

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controller/loop"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/manager"
)

// patience is how long to wait for a state. Hundreds of namespaces take a while on two cores; a hang takes forever.
const patience = 8 * time.Minute

var (
	plane     *controlplane.ControlPlane
	k8s       client.Client
	logs      manager.Log
	crdFolder = filepath.Join("..", "..", "config", "crd", "bases")
)

func TestDeletion(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(patience)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	RunSpecs(t, "Deletion")
}

var _ = BeforeSuite(func() {
	logs.Capture()
	ctx, cancel := context.WithCancel(context.Background())
	var err error
	plane, err = controlplane.Start(ctx, controlplane.Options{CRDDirs: []string{crdFolder}, ControllerManager: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(func() {
		cancel()
		Expect(plane.Stop()).To(Succeed())
	})
	Expect(pamv1alpha1.AddToScheme(scheme.Scheme)).To(Succeed())
	k8s, err = client.New(plane.Config, client.Options{Scheme: scheme.Scheme})
	Expect(err).NotTo(HaveOccurred())
	Expect(k8s.Create(ctx, builder.Namespace(managerNamespace))).To(Succeed())
})

// managerNamespace receives the records that have no other namespace.
const managerNamespace = "pam-operator-system"

// startManager runs the controllers, and returns a function that stops them, which may be called repeatedly.
func startManager(ctx context.Context, deadline time.Duration) (stop func()) {
	GinkgoHelper()
	return startManagerOf(ctx, deadline, never)
}

// startManagerOf also sets the deadline of blocked deletions.
func startManagerOf(ctx context.Context, deadline, blocked time.Duration) (stop func()) {
	GinkgoHelper()
	oneAfterTheOther := config.Controller{SkipNameValidation: new(true)}
	mgr := manager.New(plane.Config, func(o *ctrl.Options) { o.Controller = oneAfterTheOther })
	return manager.Start(ctx, mgr, loop.Options{
		DeletionDeadline: deadline, BlockedDeletionDeadline: blocked, Concurrency: 200,
		LockedRetry: 200 * time.Millisecond, Namespace: managerNamespace,
	})
}
