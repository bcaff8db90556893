// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"
	"net"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	utilrand "k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/frame"
)

// suffixLength is that of the API server's own.
const suffixLength = 5

// errNameless says that the outcome of a request is not known, and that its name does not tell its session from
// others.
var errNameless = errors.New("it is not known whether the session was requested: look for it with kubectl pam " +
	"session list, and end it with kubectl pam session cancel")

// create asks for the session. made is false only if there certainly is none: an answer that is lost may be the one
// that says that there is. The name is made here, so that such a session can be found.
func create(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) (made bool, err error) {
	prefix := s.GenerateName
	if s.Name != "" {
		prefix = ""
	}
	s.GenerateName = ""
	for {
		if prefix != "" {
			s.Name = prefix + utilrand.String(suffixLength)
		}
		err := c.Create(ctx, s, client.FieldOwner(frame.FieldOwner))
		switch {
		case err == nil:
			return true, nil
		case apierrors.IsAlreadyExists(err) && prefix != "":
			continue
		case refusedForSure(err):
			return false, err
		case prefix == "":
			return false, fmt.Errorf("%w: %w", errNameless, err)
		}
		return true, err
	}
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
