// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

const (
	// suffixLength is that of the API server's own, and podSuffixLength that of names that are made from a Pod.
	suffixLength    = 5
	podSuffixLength = 10
)

// errNameless says that the outcome of a request is not known, and that its name does not tell its session from
// others.
var errNameless = errors.New("it is not known whether the session was requested: look for it with kubectl pam " +
	"session list, and end it with kubectl pam session cancel")

// asker asks for a session.
type asker struct {
	client *cluster.Client
	here   pod
	// named is set if the name of the session was given, and prefix is what it begins with otherwise.
	named  bool
	prefix string
}

// newAsker makes the name of the session, so that one whose request gets no answer can be found.
func newAsker(c *cluster.Client, s *pamv1alpha1.ActivitySession, here pod) (*asker, error) {
	a := &asker{client: c, here: here, named: s.Name != "", prefix: s.GenerateName}
	s.GenerateName = ""
	return a, a.rename(s, 0)
}

// rename gives the session a name that was not tried yet. In a Pod whose UID is known, it is always the same: the
// kubelet may run the same container again, which then comes upon the session that it has asked for before.
func (a *asker) rename(s *pamv1alpha1.ActivitySession, tried int) error {
	switch {
	case a.named:
		return nil
	case a.here.uid == "":
		s.Name = a.prefix + utilrand.String(suffixLength)
		return nil
	}
	spec, err := json.Marshal(s.Spec)
	if err != nil {
		return err
	}
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s", a.here.uid, tried, spec))
	s.Name = a.prefix + utilrand.SafeEncodeString(hex.EncodeToString(sum[:])[:podSuffixLength])
	return nil
}

// create asks for the session, or finds the one that this Pod has asked for before. made is false only if there
// certainly is none: an answer that is lost may be the one that says that there is.
func (a *asker) create(ctx context.Context, s *pamv1alpha1.ActivitySession) (made, again bool, err error) {
	for tried := 1; ; tried++ {
		err := a.client.Create(ctx, s, client.FieldOwner(frame.FieldOwner))
		switch {
		case err == nil:
			return true, false, nil
		case apierrors.IsAlreadyExists(err):
			if again, err := a.find(ctx, s); again || err != nil {
				return again, again, err
			}
			if a.named {
				return false, false, err
			}
		case refusedForSure(err):
			return false, false, err
		case a.named:
			return false, false, fmt.Errorf("%w: %w", errNameless, err)
		default:
			return true, false, err
		}
		if err := a.rename(s, tried); err != nil {
			return false, false, err
		}
	}
}

// find takes the live session of this name if this Pod has asked for it. Its spec has to be what would be asked for
// now, as the API server completes it: others may create objects, too.
func (a *asker) find(ctx context.Context, s *pamv1alpha1.ActivitySession) (found bool, err error) {
	if a.here.uid == "" {
		return false, nil
	}
	there, err := session.Find(ctx, a.client, s)
	if err != nil || there == nil || !a.ours(there) {
		return false, err
	}
	wanted := s.DeepCopy()
	wanted.Name = "again-" + utilrand.String(suffixLength)
	if err := a.client.Create(ctx, wanted, client.FieldOwner(frame.FieldOwner), client.DryRunAll); err != nil {
		return false, err
	}
	if !equality.Semantic.DeepEqual(fixed(there.Spec), fixed(wanted.Spec)) {
		return false, nil
	}
	*s = *there
	return true, nil
}

// ours reports whether a session is live, and bound to no other Pod than this one.
func (a *asker) ours(s *pamv1alpha1.ActivitySession) bool {
	if s.Status.Phase.Terminal() || s.Status.Phase == pamv1alpha1.SessionEnding || s.DeletionTimestamp != nil ||
		s.Spec.Cancel != nil && *s.Spec.Cancel {
		return false
	}
	to, uid := s.Spec.BoundTo, s.Status.BoundToUID
	return to == nil || to.Kind != "Pod" || uid == "" || uid == a.here.uid
}

// fixed is what cannot change of a spec.
func fixed(spec pamv1alpha1.ActivitySessionSpec) pamv1alpha1.ActivitySessionSpec {
	spec.Cancel, spec.Suspend, spec.Duration = nil, nil, nil
	return spec
}

// refusedForSure reports whether a request certainly created nothing: the API server said so, or was not reached.
func refusedForSure(err error) bool {
	var refused *cluster.RefusedError
	var forbidden *cluster.ForbiddenError
	if errors.As(err, &refused) || errors.As(err, &forbidden) {
		return true
	}
	var status apierrors.APIStatus
	if errors.As(err, &status) {
		code := status.Status().Code
		return code >= 400 && code < 500 && code != 408 && code != 429
	}
	var dial *net.OpError
	return errors.As(err, &dial) && dial.Op == "dial"
}
