// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/gitops"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestARestoredSessionRequestsNothing takes an object from the cluster, deletes it, and creates it again as a backup
// tool does: without its status, under a new UID, with its annotations. The manager is killed meanwhile.
func TestARestoredSessionRequestsNothing(t *testing.T) {
	t.Parallel() // mostly waiting
	bed := newSessionBed(t, theCluster(t))
	bed.manager.start(t)
	s := bed.newTrial(t, course{})
	s.connect()
	s.ask()
	original := s.active()
	backup := original.DeepCopy()
	s.remove()

	backup.ObjectMeta = metav1.ObjectMeta{
		Namespace: backup.Namespace, Name: backup.Name, Labels: backup.Labels, Annotations: backup.Annotations,
	}
	backup.Status = pamv1alpha1.ActivitySessionStatus{}
	s.create(backup)
	s.held("the annotation pam-operator.io/request-id is of object " + string(original.UID))
	bed.kill(t)
	s.held("so this object is a copy of that one or was restored from a backup")
	s.requested(1)

	bare := backup.DeepCopy()
	delete(bare.Annotations, pamv1alpha1.AnnotationRequestID)
	if err := bed.cluster.client.Patch(s.Context(), bare, client.MergeFrom(backup)); err != nil {
		t.Fatal(err)
	}
	s.active()
	s.requested(2)
	s.remove()
	bed.manager.stop(t)
}

// TestAGitOpsToolRequestsOneSession deletes an object that Flux owns and creates it again, again and again, with a
// manager that is killed in the middle of each step.
func TestAGitOpsToolRequestsOneSession(t *testing.T) {
	t.Parallel() // mostly waiting
	bed := newSessionBed(t, theCluster(t))
	bed.manager.start(t)
	owned := []builder.Option{
		builder.Label(gitops.FluxKustomization, "apps"), builder.Label(gitops.FluxKustomizationNamespace, "flux-system"),
	}
	for name, command := range waysToApply {
		t.Run(name, func(t *testing.T) {
			s := bed.newTrial(t, course{})
			s.connect()
			s.apply(command, owned...)
			s.active()
			bed.kill(t)
			s.delete()
			s.eventually(func(g Gomega) { s.gone(g, s.object()) })
			s.expectNothingLives()
			for range 2 {
				s.apply(command, owned...)
				s.held("the Flux Kustomization flux-system/apps has created this object again")
				bed.kill(t)
				s.held("change spec.runID there")
				s.remove()
			}
			s.requested(1)

			s.apply(command, owned...)
			s.held("nothing has been sent")
			s.apply(command, append(owned, builder.With(func(a *pamv1alpha1.ActivitySession) { a.Spec.RunID = "2" }))...)
			s.active()
			s.requested(2)
			s.remove()
		})
	}
	bed.manager.stop(t)
}

// held waits until the object is held back, with a message that contains some words.
func (s *sessionTrial) held(words string) {
	s.Helper()
	session := s.object()
	s.eventually(func(g Gomega) {
		s.get(g, session)
		g.Expect(readyReason(session.Status.Conditions)).To(Equal("False InvalidSpec"))
		g.Expect(session.Status.Conditions).To(ContainElement(HaveField("Message", ContainSubstring(words))))
	})
}

// requested checks how many sessions were requested in the trial.
func (s *sessionTrial) requested(want int) {
	s.Helper()
	if got := s.server.Stats().Creates; got != want {
		s.Errorf("%d sessions were requested, want %d", got, want)
	}
}
