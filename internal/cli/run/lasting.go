// SPDX-License-Identifier: Apache-2.0

package run

import (
	"cmp"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/state"
)

const (
	// step is how far a session that is bound to nothing reaches into the future: what a dead machine costs at most.
	step = 30 * time.Minute
	// defaultMaximum is how long such a session lasts in all, if nothing else is said.
	defaultMaximum = 4 * time.Hour
	// growBefore is how long before its end a session grows, and within which the operator extends it, too.
	growBefore = 5 * time.Minute
	// ttl is how long the record of a session stays whose command could not delete it.
	ttl = time.Hour
)

// limits are what the flags say about how long a session lasts.
type limits struct {
	duration, maximum time.Duration
}

// whole is how long a session that grows may last in all.
func (l limits) whole() time.Duration {
	return cmp.Or(l.maximum, max(defaultMaximum, l.duration))
}

// bind makes a session end with a Pod. The operator extends it while the Pod runs, unless its duration is given.
func bind(spec *pamv1alpha1.ActivitySessionSpec, to string) {
	spec.BoundTo = &pamv1alpha1.Workload{APIVersion: "v1", Kind: "Pod", Name: to}
	if spec.Duration == nil && spec.Extension == nil {
		spec.Extension = &pamv1alpha1.Extension{Mode: pamv1alpha1.ExtensionAutomatic}
	}
}

// limit makes a session that nothing ends last for a step only.
func limit(spec *pamv1alpha1.ActivitySessionSpec, l limits) {
	if spec.Duration == nil {
		spec.Duration = &metav1.Duration{Duration: min(step, l.whole())}
	}
}

// growth decides whether a session grows.
type growth struct {
	limits

	// asked is the last duration that was asked for, and before when the session ended then, by the server's clock.
	asked  time.Duration
	before time.Time
}

// next is the duration that a session needs to last for a step from now; 0 if it need not or may not grow.
func (g *growth) next(s *pamv1alpha1.ActivitySession, now time.Time) time.Duration {
	ends, known := state.Ends(s)
	if s.Spec.Duration == nil || !known || s.Status.Phase != pamv1alpha1.SessionActive {
		return 0
	}
	left := ends.Sub(now)
	if left >= growBefore || g.asked > 0 && !s.Status.ExpiresAt.After(g.before) {
		return 0
	}
	wanted := min((s.Spec.Duration.Duration + step - left).Round(time.Minute), g.whole())
	if wanted-s.Spec.Duration.Duration < time.Minute { // the server counts in minutes
		return 0
	}
	return wanted
}

// note remembers what was asked for.
func (g *growth) note(s *pamv1alpha1.ActivitySession, asked time.Duration) {
	g.asked, g.before = asked, s.Status.ExpiresAt.Time
}

// stuck reports whether a session is about to end although it was to grow.
func (g *growth) stuck(s *pamv1alpha1.ActivitySession, now time.Time) bool {
	ends, known := state.Ends(s)
	return known && g.asked > 0 && !s.Status.ExpiresAt.After(g.before) && ends.Sub(now) < growBefore/5
}
