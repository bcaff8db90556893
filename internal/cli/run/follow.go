// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"time"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/cli/cluster"
	"github.com/pam-operator/pam-operator/internal/cli/session"
)

// news is a look at a session, or why there is none.
type news struct {
	// session is how it is; nil if it is gone or cannot be seen.
	session *pamv1alpha1.ActivitySession
	// gone is set if somebody deleted it.
	gone bool
	// trouble is why it cannot be seen at present.
	trouble error
}

// retryAfter is how long an API server that does not answer is left alone.
const retryAfter = time.Second

// follow sends how a session is, and then every change, until ctx ends or there is nothing more to come. A server that
// is away, or refuses to answer, is waited for, however long that takes: whether to go on without it is for the
// receiver to decide.
func follow(ctx context.Context, c *cluster.Client, s *pamv1alpha1.ActivitySession) <-chan news {
	out := make(chan news)
	send := func(n news) {
		select {
		case out <- n:
		case <-ctx.Done():
		}
	}
	go func() {
		for ctx.Err() == nil {
			err := session.Await(ctx, c, cluster.RefOf(s), func(now *pamv1alpha1.ActivitySession) (bool, error) {
				if s.UID != "" && now.UID != s.UID { // another one of the same name
					return true, session.ErrGone
				}
				send(news{session: now})
				return false, nil
			})
			switch {
			case errors.Is(err, session.ErrGone):
				send(news{gone: true})
				return
			case err != nil:
				send(news{trouble: err})
			}
			rest(ctx, retryAfter)
		}
	}()
	return out
}

// rest waits for a while, or until ctx ends.
func rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
