// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/login"
)

// successPeriod is how often the time of the last success is written anew: it is to say that credentials have worked,
// and not when a session last idled out.
const successPeriod = 24 * time.Hour

// specDigest is how many hex digits tell one spec from another one of the same connection.
const specDigest = 16

// LogIns are the log-ins of a connection, with the version of the credentials that they go by.
type LogIns struct {
	account *login.Account

	mu      sync.Mutex
	version string
}

// newLogIns goes on from what the connection's status says of these same credentials, and shares what other connections
// learn of them.
func (p *Pool) newLogIns(
	terms login.Terms, url, user, version string, recorded *pamv1alpha1.LogInStatus, credentials []string,
) *LogIns {
	record := login.Record{}
	if recorded != nil && recorded.CredentialsVersion == version {
		record = login.Record{
			LastSuccess: timeOf(recorded.LastSuccessTime), LastFailure: timeOf(recorded.LastFailureTime),
			Retry: timeOf(recorded.RetryTime),
		}
		if recorded.Failures != nil {
			record.Failures = int(*recorded.Failures)
		}
	}
	account := p.logIns.Account(terms, url, user, record)
	account.Credentials(credentials...)
	if recorded != nil && recorded.CredentialsVersion != version { // as with a Secret that is written again
		account.Clear()
	}
	return &LogIns{account: account, version: version}
}

// readAgain notes that the Secrets were read in a version. Somebody who writes the same content again says that it is
// right: it is tried at once.
func (l *LogIns) readAgain(version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.version != version {
		l.version = version
		l.account.Clear()
	}
}

// TryAtOnce has credentials that were refused tried at once.
func (l *LogIns) TryAtOnce() { l.account.Clear() }

// Status is what is to be kept in the connection's status, where known is there already.
func (l *LogIns) Status(known *pamv1alpha1.LogInStatus) *pamv1alpha1.LogInStatus {
	l.mu.Lock()
	version := l.version
	l.mu.Unlock()
	r := l.account.Record()
	if r == (login.Record{}) {
		return nil // nothing was tried
	}
	out := &pamv1alpha1.LogInStatus{
		CredentialsVersion: version, LastSuccessTime: storedTime(r.LastSuccess), LastFailureTime: storedTime(r.LastFailure),
		RetryTime: storedTime(r.Retry),
	}
	if r.Failures > 0 {
		out.Failures = new(int32(r.Failures)) //nolint:gosec // a few
	}
	if known != nil && known.CredentialsVersion == version && known.Failures == nil && out.Failures == nil &&
		r.LastSuccess.Sub(timeOf(known.LastSuccessTime)) < successPeriod {
		return known
	}
	return out
}

// storedTime is a time in the precision of the API, rounded up, lest something be tried too early.
func storedTime(t time.Time) *metav1.Time {
	if t.IsZero() {
		return nil
	}
	return &metav1.Time{Time: t.Add(time.Second - 1).Truncate(time.Second)}
}

func timeOf(t *metav1.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.Time
}

// credentialsVersion identifies what a connection logs in with, beyond the end of the process: its Secrets, and the
// part of its spec that says where and how. It stands in a status, and is therefore made of nothing secret.
func (p *Pool) credentialsVersion(ctx context.Context, sources []source, spec ...any) (string, error) {
	how, err := json.Marshal(spec)
	if err != nil {
		return "", err
	}
	versions := []string{digest(string(how))[:specDigest]}
	for _, s := range sources {
		if s.kind != secretKind {
			continue
		}
		m := &metav1.PartialObjectMetadata{}
		m.SetGroupVersionKind(s.kind)
		if err := p.cfg.Live.Get(ctx, s.name, m); err != nil {
			return "", err
		}
		versions = append(versions, string(m.UID)+"/"+m.ResourceVersion)
	}
	return strings.Join(versions, " "), nil
}
