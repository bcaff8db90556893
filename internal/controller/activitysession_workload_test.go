// SPDX-License-Identifier: Apache-2.0

package controller_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	simnps "github.com/pam-operator/pam-operator/internal/simulator/nps"
	"github.com/pam-operator/pam-operator/test/builder"
)

// workload is the name of the Job or Pod that a session is bound to.
const workload = "work"

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{
		RestartPolicy: corev1.RestartPolicyNever,
		Containers:    []corev1.Container{{Name: "work", Image: "example.com/work:1"}},
	}
}

func (s *site) job(ctx context.Context) *batchv1.Job {
	GinkgoHelper()
	job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}}
	job.Spec.Template.Spec = podSpec()
	job.Spec.BackoffLimit = new(int32(0))
	s.create(ctx, job)
	return job
}

func (s *site) pod(ctx context.Context) *corev1.Pod {
	GinkgoHelper()
	// The namespace's default ServiceAccount may come a moment later.
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}, Spec: podSpec()}
	pod.Spec.NodeName = "node" // there is no scheduler
	Eventually(func() error { return k8s.Create(ctx, pod.DeepCopy()) }).Should(Succeed())
	return pod
}

// finish does what a kubelet does at a Pod's end.
func finish(ctx context.Context, pod *corev1.Pod, phase corev1.PodPhase) {
	GinkgoHelper()
	Eventually(func() error {
		if err := k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod); err != nil {
			return err
		}
		pod.Status.Phase = phase
		return k8s.Status().Update(ctx, pod)
	}).Should(Succeed())
}

// finishJob finishes the Pod that the Job controller made.
func finishJob(ctx context.Context, job *batchv1.Job, phase corev1.PodPhase) {
	GinkgoHelper()
	pods := &corev1.PodList{}
	Eventually(func() ([]corev1.Pod, error) {
		err := k8s.List(ctx, pods, client.InNamespace(job.Namespace), client.MatchingLabels{batchv1.JobNameLabel: job.Name})
		return pods.Items, err
	}).Should(HaveLen(1))
	finish(ctx, &pods.Items[0], phase)
}

func boundToPod() builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.BoundTo = &pamv1alpha1.Workload{APIVersion: "v1", Kind: "Pod", Name: workload}
	})
}

func automatic() builder.Option {
	return builder.With(func(s *pamv1alpha1.ActivitySession) {
		s.Spec.Extension = &pamv1alpha1.Extension{Mode: pamv1alpha1.ExtensionAutomatic}
	})
}

var _ = Describe("An ActivitySession that is bound to a workload", func() {
	DescribeTable("ends with a Job",
		func(ctx context.Context, end corev1.PodPhase) {
			s := newServerSite(ctx, simnps.Options{})
			job := s.job(ctx)
			session := s.activeSession(ctx, "session", builder.BoundToJob(workload))
			Expect(session.Status.BoundToUID).To(BeEquivalentTo(job.UID))
			finishJob(ctx, job, end)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
			Expect(ready(ctx, session)()).To(Equal("True Completed"))
			Expect(secretOf(ctx, session)).To(BeNil())
			Expect(s.atServer(session).Status).To(Equal("Complete"))
		},
		Entry("that succeeds", corev1.PodSucceeded),
		Entry("that fails", corev1.PodFailed),
	)

	DescribeTable("ends with a Pod",
		func(ctx context.Context, end func(ctx context.Context, pod *corev1.Pod)) {
			s := newServerSite(ctx, simnps.Options{})
			pod := s.pod(ctx)
			session := s.activeSession(ctx, "session", boundToPod())
			end(ctx, pod)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
		},
		Entry("that succeeds", func(ctx context.Context, pod *corev1.Pod) { finish(ctx, pod, corev1.PodSucceeded) }),
		Entry("that fails", func(ctx context.Context, pod *corev1.Pod) { finish(ctx, pod, corev1.PodFailed) }),
		Entry("that is deleted", func(ctx context.Context, pod *corev1.Pod) {
			Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		}),
	)

	It("ends with the grace period of a Pod whose node is lost", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		pod := s.pod(ctx)
		session := s.activeSession(ctx, "session", boundToPod(), automatic())
		Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(2))).To(Succeed()) // there is no kubelet to confirm it
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
		Expect(session.Status.Extensions).To(BeNil())
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		Expect(pod.DeletionTimestamp.Time).To(BeTemporally("<=", time.Now()))
		Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
	})

	It("may be there before its workload, which waits for the Secret", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.BoundToJob(workload))
		Expect(session.Status.BoundToUID).To(BeEmpty())
		job := s.job(ctx)
		Eventually(func() string {
			_ = phase(ctx, session)()
			return session.Status.BoundToUID
		}).Should(BeEquivalentTo(job.UID))
		Expect(session.Status.Phase).To(Equal(pamv1alpha1.SessionActive))
		finishJob(ctx, job, corev1.PodSucceeded)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
	})

	DescribeTable("is not asked for before the workload may run",
		func(ctx context.Context, says string, create, admit func(ctx context.Context, s *site), bound builder.Option) {
			s := newServerSite(ctx, simnps.Options{})
			create(ctx, s)
			session := s.session(ctx, "session", bound)
			eventuallyReason(ctx, session, pamv1alpha1.ReasonSuspended)
			Expect(message(ctx, session)).To(ContainSubstring(says))
			Expect(session.Status.Deadline).To(BeNil())
			Expect(s.nps.Stats().Creates).To(BeZero())
			admit(ctx, s)
			eventuallyPhase(ctx, session, pamv1alpha1.SessionActive)
		},
		Entry("a Job that is suspended, as queues do", "Job work is suspended; the session is requested once it can run",
			func(ctx context.Context, s *site) {
				job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}}
				job.Spec.Template.Spec, job.Spec.Suspend = podSpec(), new(true)
				s.create(ctx, job)
			},
			func(ctx context.Context, s *site) {
				job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}}
				change(ctx, job, func(j *batchv1.Job) { j.Spec.Suspend = new(false) })
			}, builder.BoundToJob(workload)),
		Entry("a Pod that no node takes", "Pod work is not scheduled; the session is requested once it can run",
			func(ctx context.Context, s *site) {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}, Spec: podSpec()}
				Eventually(func() error { return k8s.Create(ctx, pod.DeepCopy()) }).Should(Succeed())
			},
			func(ctx context.Context, s *site) {
				pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: s.namespace, Name: workload}}
				Expect(k8s.SubResource("binding").Create(ctx, pod, &corev1.Binding{
					Target: corev1.ObjectReference{Kind: "Node", Name: "node"},
				})).To(Succeed())
			}, boundToPod()),
	)

	It("ends when another workload takes the name", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		pod := s.pod(ctx)
		session := s.activeSession(ctx, "session", boundToPod())
		s.down()
		Expect(k8s.Delete(ctx, pod, client.GracePeriodSeconds(0))).To(Succeed())
		s.pod(ctx)
		s.up()
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
	})

	It("says on its workload what its users have to know", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		pod := s.pod(ctx)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		denied := s.session(ctx, "denied", withApproval, boundToPod())
		eventuallyPhase(ctx, denied, pamv1alpha1.SessionWaitingForApproval)
		Eventually(events(ctx, pod, pamv1alpha1.ReasonWaitingForApproval)).Should(ConsistOf(
			HavePrefix("ActivitySession denied: the server waits for approval until ")))
		Expect(s.nps.Deny(denied.Status.SessionID)).To(Succeed())
		eventuallyPhase(ctx, denied, pamv1alpha1.SessionDenied)
		Eventually(events(ctx, pod, pamv1alpha1.ReasonDenied)).Should(ConsistOf(
			HavePrefix("ActivitySession denied: an approver denied the session")))

		By("being silent about what goes as it should")
		session := s.activeSession(ctx, "session", boundToPod())
		Expect(events(ctx, pod, pamv1alpha1.ReasonActive)()).To(BeEmpty())
		Expect(events(ctx, pod, pamv1alpha1.ReasonProgressing)()).To(BeEmpty())
		cancel(ctx, session)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(events(ctx, pod, pamv1alpha1.ReasonCompleted)()).To(BeEmpty())
	})

	It("says on a workload that comes later what it would wait for", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.session(ctx, "session", withApproval, boundToPod())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		pod := s.pod(ctx)
		Expect(k8s.Get(ctx, client.ObjectKeyFromObject(pod), pod)).To(Succeed())
		Eventually(events(ctx, pod, pamv1alpha1.ReasonWaitingForApproval)).Should(HaveLen(1))
	})

	DescribeTable("warns where it ends before its workload",
		func(ctx context.Context, end func(s *site, clock *movingClock, id string), says string) {
			clock := &movingClock{}
			s := newServerSite(ctx, simnps.Options{Now: clock.now})
			job := s.job(ctx)
			session := s.activeSession(ctx, "session", builder.BoundToJob(workload), builder.Duration(time.Hour))
			end(s, clock, session.Status.SessionID)
			Eventually(func() bool { return phase(ctx, session)().Terminal() }).Should(BeTrue())
			Expect(ready(ctx, session)()).To(Equal("True Completed"))
			Expect(message(ctx, session)).To(MatchRegexp(says))
			Eventually(events(ctx, job, pamv1alpha1.ReasonCompleted)).Should(ConsistOf(MatchRegexp(says)))
			Eventually(events(ctx, session, pamv1alpha1.ReasonCompleted)).Should(ConsistOf(MatchRegexp(says)))
			was := message(ctx, session)
			finishJob(ctx, job, corev1.PodSucceeded)
			s.wake(ctx, session)
			Consistently(message).WithArguments(ctx, session).Should(Equal(was))
		},
		Entry("because its duration has passed",
			func(_ *site, clock *movingClock, _ string) { clock.putForward(2 * time.Hour) },
			"its duration of 1h0m0s has passed while Job .*/work still runs; "+
				"set a longer duration, or extension.mode: Automatic"),
		Entry("because an administrator ended it",
			func(s *site, _ *movingClock, id string) { Expect(s.nps.End(id)).To(Succeed()) },
			"(ended by an administrator .*|it was ended at the server) while Job .*/work still runs"),
	)

	It("ends while it still waits for an approval", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		pod := s.pod(ctx)
		session := s.session(ctx, "session", withApproval, boundToPod())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionWaitingForApproval)
		finish(ctx, pod, corev1.PodFailed)
		Eventually(func() bool { return phase(ctx, session)().Terminal() }).Should(BeTrue())
		Expect(ended).To(ContainElement(s.atServer(session).Status))
	})

	It("is never asked for if the workload is over already", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		finish(ctx, s.pod(ctx), corev1.PodSucceeded)
		session := s.session(ctx, "session", boundToPod())
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCancelled)
		Expect(message(ctx, session)).To(ContainSubstring("Pod work has finished before the session was requested"))
		Expect(s.nps.Sessions()).To(BeEmpty())
	})
})

var _ = Describe("An ActivitySession is prolonged", func() {
	// fourMinutes is a server whose sessions are always about to end.
	fourMinutes := func(p simnps.Profile) simnps.Options {
		o := brief(4 * time.Minute)
		p.MaxSessionLength = 4 * time.Minute
		o.Policies[0].Profile = p
		return o
	}
	extendable := simnps.Profile{AllowExtension: true, ExtensionMinutes: 2, ExtensionCount: 3}

	It("when its duration grows", func(ctx context.Context) {
		s := newServerSite(ctx, simnps.Options{})
		session := s.activeSession(ctx, "session", builder.Duration(time.Hour))
		before := session.Status.ExpiresAt.Time
		change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Duration.Duration = 80 * time.Minute })
		Eventually(func() time.Time {
			_ = phase(ctx, session)()
			return session.Status.ExpiresAt.Time
		}).Should(BeTemporally("~", before.Add(20*time.Minute), 2*time.Second))
		Expect(*session.Status.Extensions).To(BeEquivalentTo(1))
		eventuallyReady(ctx, session)
		Eventually(value(ctx, session, "expires-at")).Should(Equal(session.Status.ExpiresAt.UTC().Format(time.RFC3339)))
	})

	DescribeTable("not, where the server does not allow it, and the session lives on",
		func(ctx context.Context, server simnps.Options, says string) {
			s := newServerSite(ctx, server)
			session := s.activeSession(ctx, "session", builder.Duration(10*time.Minute))
			before := session.Status.ExpiresAt.Time
			change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Duration.Duration = 13 * time.Minute })
			Eventually(message).WithArguments(ctx, session).Should(ContainSubstring(says))
			Expect(ready(ctx, session)()).To(Equal("True Active"))
			Expect(session.Status.ExpiresAt.Time).To(BeTemporally("==", before))
			Expect(session.Status.Extensions).To(BeNil())

			asked := s.nps.Faults().Count("POST", "/Extend$")
			s.lookAgain(ctx, session)
			Expect(s.nps.Faults().Count("POST", "/Extend$")).To(Equal(asked), "it is not asked at every look")
		},
		Entry("by its profile", brief(time.Hour), "its connection profile does not allow it"),
		Entry("by ignoring it", simnps.Options{Switches: simnps.Switches{
			ActionSwitches: simnps.ActionSwitches{ExtendIgnored: true},
		}}, "the server did not extend it"),
		Entry("by a 500", simnps.Options{Switches: simnps.Switches{ActionSwitches: simnps.ActionSwitches{
			ExtendOnlyNearEnd: true, ExtendRefusedStatus: 500,
		}}, Policies: []simnps.Policy{{
			Name: "never", Activities: []string{builder.DefaultActivity}, Resources: []string{builder.DefaultResource},
			Profile: simnps.Profile{MaxSessionLength: time.Hour, AllowExtension: true, ExtensionCount: -1},
		}}}, "the server did not extend it"),
	)

	It("no more often than its profile allows", func(ctx context.Context) {
		o := brief(8 * time.Hour)
		o.Policies[0].Profile.AllowExtension, o.Policies[0].Profile.ExtensionCount = true, 1
		s := newServerSite(ctx, o)
		session := s.activeSession(ctx, "session", builder.Duration(10*time.Minute))
		grow := func(to time.Duration) {
			change(ctx, session, func(s *pamv1alpha1.ActivitySession) { s.Spec.Duration.Duration = to })
		}
		grow(20 * time.Minute)
		Eventually(func() *int32 {
			_ = phase(ctx, session)()
			return session.Status.Extensions
		}).Should(HaveValue(BeEquivalentTo(1)))
		until := session.Status.ExpiresAt.Time
		grow(30 * time.Minute)
		Eventually(message).WithArguments(ctx, session).Should(ContainSubstring("does not allow another extension"))
		Expect(s.nps.Faults().Count("POST", "/Extend$")).To(Equal(1))
		Expect(session.Status.ExpiresAt.Time).To(BeTemporally("==", until))
		Expect(ready(ctx, session)()).To(Equal("True Active"))
	})

	It("automatically before its end, as often as its profile allows, while its workload runs", func(ctx context.Context) {
		s := newServerSite(ctx, fourMinutes(extendable))
		pod := s.pod(ctx)
		session := s.activeSession(ctx, "session", boundToPod(), automatic())
		// Four minutes and two make six, and more than five are left then.
		Eventually(func() int32 {
			_ = phase(ctx, session)()
			if session.Status.Extensions == nil {
				return 0
			}
			return *session.Status.Extensions
		}).Should(BeEquivalentTo(1))
		s.lookAgain(ctx, session)
		Expect(s.nps.Stats().Extends).To(Equal(1))
		finish(ctx, pod, corev1.PodSucceeded)
		eventuallyPhase(ctx, session, pamv1alpha1.SessionCompleted)
	})

	It("not automatically for a workload that was never there", func(ctx context.Context) {
		s := newServerSite(ctx, fourMinutes(extendable))
		s.lookAgain(ctx, s.activeSession(ctx, "session", boundToPod(), automatic()))
		Expect(s.nps.Faults().Count("POST", "/Extend$")).To(BeZero())
	})

	It("not because it took long to start", func(ctx context.Context) {
		clock := &movingClock{}
		s := newServerSite(ctx, simnps.Options{ProvisioningDelay: time.Hour, Now: clock.now})
		session := s.session(ctx, "session", builder.Duration(2*time.Hour))
		eventuallyPhase(ctx, session, pamv1alpha1.SessionStarting)
		clock.putForward(10 * time.Minute)
		Expect(s.nps.SetStatus(session.Status.SessionID, simnps.Active)).To(Succeed())
		eventuallyReady(ctx, session)
		Expect(s.nps.Faults().Count("POST", "/Extend$")).To(BeZero())
	})

	It("not without being asked for", func(ctx context.Context) {
		s := newServerSite(ctx, fourMinutes(extendable))
		s.lookAgain(ctx, s.activeSession(ctx, "session"))
		Expect(s.nps.Faults().Count("POST", "/Extend$")).To(BeZero())
	})
})
