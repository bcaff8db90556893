// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/test/builder"
)

// TestAServersClockIsKnownBeforeItAnswers covers the first reconciles of a manager, which may have to remove Secrets of
// sessions while the server is unreachable.
func TestAServersClockIsKnownBeforeItAnswers(t *testing.T) {
	const offset = -2 * time.Hour
	for name, c := range map[string]struct {
		observed int64
		offset   *metav1.Duration
		want     time.Duration
		known    bool
	}{
		"as the manager before has written it down": {1, &metav1.Duration{Duration: offset}, offset, true},
		"but not of another spec":                   {0, &metav1.Duration{Duration: offset}, 0, false},
		"and nothing was written":                   {1, nil, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := builder.NPSConnection("nps", builder.InNamespace(home), builder.URL("https://nps.example.com"),
				builder.With(func(o *pamv1alpha1.NPSConnection) {
					o.Generation, o.Status.ClockOffset, o.Status.ObservedGeneration = 1, c.offset, new(c.observed)
				}))
			p := newWorld(t, conn).pool()
			ref := pamv1alpha1.ConnectionReference{Name: "nps"}
			if ahead, known := p.ClockAhead(t.Context(), ref, home); ahead != c.want || known != c.known {
				t.Errorf("got %s, %t", ahead, known)
			}
			if ahead, known := p.ClockAhead(t.Context(), pamv1alpha1.ConnectionReference{Name: "none"}, home); known {
				t.Errorf("of a connection that there is not it is known to be %s ahead", ahead)
			}
		})
	}
}

func TestAServersClockOutlivesItsClientAndNotItsAddress(t *testing.T) {
	conn := builder.NPSConnection("nps", builder.InNamespace(home), builder.URL("https://nps.example.com"))
	p := newWorld(t, conn).pool()
	p.clock(conn).Recall(time.Hour)
	conn.Generation++ // other credentials, say
	if ahead, _ := p.clock(conn).Ahead(); ahead != time.Hour {
		t.Errorf("%s ahead: it was forgotten", ahead)
	}
	conn.Spec.URL = "https://NPS.example.com:443/"
	if ahead, _ := p.clock(conn).Ahead(); ahead != time.Hour {
		t.Errorf("%s ahead: the same address in other letters is another server", ahead)
	}
	conn.Spec.URL = "https://other.example.com"
	if ahead, known := p.clock(conn).Ahead(); known {
		t.Errorf("another server's clock is %s ahead", ahead)
	}
}
