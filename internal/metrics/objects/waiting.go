// SPDX-License-Identifier: Apache-2.0

package objects

import (
	"cmp"
	"slices"

	"k8s.io/apimachinery/pkg/types"

	"github.com/pam-operator/pam-operator/internal/metrics"
)

// waiting is an object that is not ready and should be.
type waiting struct {
	kind string
	name types.NamespacedName
	via  through
	state
}

// longestWaiting are the objects that have waited longest, and how many there are besides. It keeps at most twice as
// many as it shows, however many there are.
type longestWaiting struct {
	kept     []waiting
	notShown int
}

func (l *longestWaiting) add(w waiting) {
	l.kept = append(l.kept, w)
	if len(l.kept) >= 2*metrics.MaxNotReady {
		l.cut()
	}
}

// cut leaves out what has waited least. Names break ties, so that the same objects are shown each time.
func (l *longestWaiting) cut() {
	slices.SortFunc(l.kept, func(a, b waiting) int {
		return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.kind, b.kind),
			cmp.Compare(a.name.Namespace, b.name.Namespace), cmp.Compare(a.name.Name, b.name.Name))
	})
	if extra := len(l.kept) - metrics.MaxNotReady; extra > 0 {
		l.kept = slices.Delete(l.kept, metrics.MaxNotReady, len(l.kept))
		l.notShown += extra
	}
}

func (l *longestWaiting) send(to send) {
	l.cut()
	for _, w := range l.kept {
		to(metrics.ObjectNotReady, unix(w.since), w.kind, w.name.Namespace, w.name.Name, w.via.namespace, w.via.name,
			w.reason, string(w.acts))
	}
	to(metrics.ObjectsNotShown, float64(l.notShown))
}
