// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/login"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Others have used up the attempts at the address. Who has an attempt there is decided by what the status of the
// connection says about its earlier credentials.
func TestWhoseNewCredentialsAreTriedAlthoughOthersWereRefused(t *testing.T) {
	const address = "https://192.0.2.1"
	for name, tt := range map[string]struct {
		recorded pamv1alpha1.LogInStatus
		version  string
		tried    bool
	}{
		"a Secret that was changed after it had worked": {
			pamv1alpha1.LogInStatus{CredentialsVersion: "spec uid/1", LastSuccessTime: new(metav1.Now())}, "spec uid/2", true,
		},
		"a Secret that was changed and had never worked": {
			pamv1alpha1.LogInStatus{CredentialsVersion: "spec uid/1"}, "spec uid/2", false,
		},
		"a connection that led elsewhere when it worked": {
			pamv1alpha1.LogInStatus{CredentialsVersion: "other uid/1", LastSuccessTime: new(metav1.Now())}, "spec uid/2", false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			pool := newWorld(t).pool()
			for range sps.LogInTerms.Failures {
				attempt, err := pool.logIns.Account(sps.LogInTerms, address, "oscar", login.Record{}).Begin(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				attempt.Refused(t.Context())
			}
			logIns := pool.newLogIns(sps.LogInTerms, home, address, "svc", tt.version, &tt.recorded, []string{"svc", "new"})
			attempt, err := logIns.Account().Begin(t.Context())
			if tried := err == nil; tried != tt.tried {
				t.Fatalf("tried: %t, want %t (%v)", tried, tt.tried, err)
			}
			if err == nil {
				attempt.Inconclusive()
			}
		})
	}
}
