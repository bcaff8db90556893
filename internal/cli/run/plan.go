// SPDX-License-Identifier: Apache-2.0

package run

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// plan is what ends a session if nobody does.
type plan struct {
	// bind is the value of --bind, and here the Pod that the command runs in.
	bind string
	here pod
	limits

	// leave is set if the session outlives the command.
	leave bool
}

// apply makes sure that something ends the session. What a template says about it stays. grows reports whether the
// session lasts for a step at a time.
func (p plan) apply(s *pamv1alpha1.ActivitySession) (grows bool, err error) {
	inPod := p.here.in(s.Namespace)
	switch {
	case s.Spec.BoundTo != nil:
	case p.bind == bindPod && p.here.name == "":
		return false, frame.Usagef("--bind=pod is for a command in a Pod: set POD_NAME through the downward API")
	case p.bind == bindPod && !inPod:
		return false, frame.Usagef("a session ends only with a Pod of its own namespace, and this one is in " +
			p.here.namespace + ": use --namespace")
	case p.bind != bindNone && inPod:
		bind(&s.Spec, p.here.name)
	}
	switch {
	case s.Spec.BoundTo == nil && p.leave:
		return false, frame.Usagef("nothing would end the session: --write-only is for a Pod, whose name is in POD_NAME " +
			"through the downward API; elsewhere, add --hold")
	case s.Spec.BoundTo == nil:
		limit(&s.Spec, p.limits)
		return true, nil
	case p.maximum > 0:
		return false, frame.Usagef("--max-duration is for sessions that end with nothing else: in a Pod, give --duration")
	}
	return false, nil
}
