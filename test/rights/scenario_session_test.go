// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"slices"
	"strings"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/controlplane"
	"github.com/pam-operator/pam-operator/test/builder"
	"github.com/pam-operator/pam-operator/test/site"
)

// openSessions opens sessions that are bound to a Pod and to a Job, and lets them end.
func (s *scenario) openSessions() {
	s.Helper()
	in := builder.InNamespace(team)
	zero := int32(0)
	bound := func(kind, apiVersion string) *pamv1alpha1.ActivitySession {
		name := strings.ToLower(kind)
		return builder.ActivitySession(name, in, builder.Connection(builder.DefaultNPSConnection, owners),
			builder.RequestedBy(controlplane.Admin), builder.With(func(x *pamv1alpha1.ActivitySession) {
				x.Spec.BoundTo = &pamv1alpha1.Workload{APIVersion: apiVersion, Kind: kind, Name: name}
				x.Spec.TTLSecondsAfterFinished = &zero
			}))
	}
	template := corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever,
		Containers: []corev1.Container{{Name: "main", Image: "registry.example.com/none"}}}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "pod"}, Spec: template}
	pod.Spec.NodeName = "a-node" // it can run
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: team, Name: "job"},
		Spec: batchv1.JobSpec{Template: corev1.PodTemplateSpec{Spec: template}}}
	for _, o := range []client.Object{pod, job} {
		if err := s.cluster.Create(s.Context(), o); err != nil {
			s.Fatal(err)
		}
	}
	forPod := bound("Pod", "v1")
	sessions := []client.Object{forPod, bound("Job", "batch/v1")}
	s.cluster.Apply(s.T, sessions...)
	s.cluster.Reach(s.T, "True Active", sessions...)
	s.refresh(forPod)

	background := client.PropagationPolicy(metav1.DeletePropagationBackground)
	for _, o := range []client.Object{pod, job} {
		if err := s.cluster.Delete(s.Context(), o, background, client.GracePeriodSeconds(0)); err != nil {
			s.Fatal(err)
		}
	}
	s.cluster.Gone(s.T, sessions...)
}

// refresh asks for new connection data, which the Secret then holds.
func (s *scenario) refresh(session *pamv1alpha1.ActivitySession) {
	s.Helper()
	secret := builder.Secret(session.SecretName(), nil, builder.InNamespace(session.Namespace))
	if err := s.cluster.Get(s.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
		s.Fatal(err)
	}
	before := secret.ResourceVersion
	site.Change(s.T, s.cluster, session, func(x *pamv1alpha1.ActivitySession) {
		builder.Annotation(pamv1alpha1.AnnotationRefreshRequestedAt, "now")(x)
	})
	s.cluster.Eventually(s.T, func(g Gomega) {
		g.Expect(s.cluster.Get(s.Context(), client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		g.Expect(secret.ResourceVersion).NotTo(Equal(before))
	})
}

// retain deletes connections that others still need.
func (s *scenario) retain() {
	s.Helper()
	session := builder.ActivitySession("last", builder.InNamespace(team),
		builder.Connection(builder.DefaultNPSConnection, owners), builder.RequestedBy(controlplane.Admin))
	s.cluster.Apply(s.T, session)
	s.cluster.Reach(s.T, "True Active", session)
	sps, nps := s.spsConnection(owners), s.npsConnection(owners)
	for _, o := range []client.Object{sps, nps} {
		if err := s.cluster.Delete(s.Context(), o); err != nil {
			s.Fatal(err)
		}
	}
	for _, o := range []client.Object{nps, sps} {
		s.cluster.Eventually(s.T, func(g Gomega) {
			err := s.cluster.Get(s.Context(), client.ObjectKeyFromObject(o), o)
			g.Expect(client.IgnoreNotFound(err)).To(Succeed()) // the time for which it is retained may be over
			g.Expect(err != nil || slices.Contains(o.GetFinalizers(), pamv1alpha1.Finalizer)).To(BeTrue())
		})
	}
	s.cluster.Remove(s.T, session)
	s.cluster.Gone(s.T, nps)
}
