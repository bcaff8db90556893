// SPDX-License-Identifier: Apache-2.0

package loop

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/util/cache"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/pam-operator/pam-operator/internal/rest"
)

const (
	// catchUpPause is how long the cache is left to catch up with our own writes before it is read again, and
	// catchUpLooks how often it is.
	catchUpPause = 20 * time.Millisecond
	catchUpLooks = 50
	// behindRetry is how soon a reconcile starts over whose object the cache showed as it was before all that time.
	behindRetry = time.Second
	// behindFor bounds how long a write is remembered. A cache lags by seconds at most; one that shows older versions for
	// longer belongs to a cluster that was restored from a backup.
	behindFor = time.Minute
)

// OwnWrites knows the version that the last status write made of each object. A reconcile that began with an older
// version would compare its outcome with a status that is no longer there, find nothing to write, and leave behind what
// an earlier reconcile wrote. The read-your-writes client of controller-runtime would need an informer for every kind
// that is written, Secrets among them. A nil OwnWrites knows nothing.
type OwnWrites struct{ versions *cache.Expiring }

// NewOwnWrites returns an OwnWrites that knows of no write.
func NewOwnWrites() *OwnWrites { return &OwnWrites{cache.NewExpiring()} }

func (w *OwnWrites) note(obj client.Object) {
	if w != nil {
		w.versions.Set(obj.GetUID(), obj.GetResourceVersion(), behindFor)
	}
}

// Behind reports whether an object is older than our last write of its status.
func (w *OwnWrites) Behind(obj client.Object) bool {
	if w == nil {
		return false
	}
	known, _ := w.versions.Get(obj.GetUID())
	written, ok := known.(string)
	if !ok {
		return false
	}
	order, err := resourceversion.CompareResourceVersion(obj.GetResourceVersion(), written)
	return err == nil && order < 0
}

// UpToDate reads an object from the cache again until that shows our last write of its status, for a second at most. A
// reconcile that returned instead would have the queue forget how often the object has failed.
func (d Deps) UpToDate(ctx context.Context, obj client.Object) (bool, error) {
	for range catchUpLooks {
		if !d.OwnWrites.Behind(obj) {
			return true, nil
		}
		if err := rest.Sleep(ctx, catchUpPause); err != nil {
			return false, err
		}
		if err := d.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj); err != nil {
			return false, client.IgnoreNotFound(err)
		}
	}
	return !d.OwnWrites.Behind(obj), nil
}

// AsReconciler is reconcile.AsReconciler, but for two things: a reconcile begins when the cache shows our own writes,
// and has a span if there is a tracer.
func AsReconciler[T Object](d Deps, inner reconcile.ObjectReconciler[T]) reconcile.Reconciler {
	if d.Tracer != nil {
		inner = tracedPasses[T]{inner, d}
	}
	return reconcile.AsReconciler(d.Client, upToDate[T]{inner, d})
}

type upToDate[T Object] struct {
	inner reconcile.ObjectReconciler[T]
	deps  Deps
}

func (u upToDate[T]) Reconcile(ctx context.Context, obj T) (ctrl.Result, error) {
	if ok, err := u.deps.UpToDate(ctx, obj); !ok {
		return StartOver(), err
	}
	return u.inner.Reconcile(ctx, obj)
}

// StartOver is the result of a reconcile whose object stays behind our own writes.
func StartOver() ctrl.Result { return ctrl.Result{RequeueAfter: behindRetry} }
