// SPDX-License-Identifier: Apache-2.0

// Package credential tracks a connection's credentials: how log-ins with them went, and how long a certificate is
// valid.
package credential

import (
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/login"
)

// successPeriod is how often the time of the last success is updated: it shows that credentials have worked, not when a
// session last timed out.
const successPeriod = 24 * time.Hour

// LogIns are the log-ins of a connection, and the version of the credentials that they use.
type LogIns struct {
	account *login.Account

	mu      sync.Mutex
	version string
}

// NewLogIns returns the log-ins of an account with credentials of a version.
func NewLogIns(account *login.Account, version string) *LogIns {
	return &LogIns{account: account, version: version}
}

// Recorded returns what a connection's status records about log-ins with credentials of a version; nothing if the
// status is about another version.
func Recorded(status *pamv1alpha1.LogInStatus, version string) login.Record {
	if status == nil || status.CredentialsVersion != version {
		return login.Record{}
	}
	record := login.Record{
		LastSuccess: timeOf(status.LastSuccessTime), LastFailure: timeOf(status.LastFailureTime),
		Retry: timeOf(status.RetryTime),
	}
	if status.Failures != nil {
		record.Failures = int(*status.Failures)
	}
	return record
}

// Account returns the account that counts the log-in attempts.
func (l *LogIns) Account() *login.Account { return l.account }

// ReadAgain records the version in which the Secrets were read. A new version is tried at once, even with the same
// content: its author considers it right.
func (l *LogIns) ReadAgain(version string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.version != version {
		l.version = version
		l.account.Clear()
	}
}

// TryAtOnce allows refused credentials to be tried at once.
func (l *LogIns) TryAtOnce() { l.account.Clear() }

// Status returns what to store in the connection's status, given what it contains now.
func (l *LogIns) Status(known *pamv1alpha1.LogInStatus) *pamv1alpha1.LogInStatus {
	l.mu.Lock()
	version := l.version
	l.mu.Unlock()
	r := l.account.Record()
	if r == (login.Record{}) {
		return nil // no log-in yet
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

// storedTime returns a time in the API's precision, rounded up so that nothing is tried too early.
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
