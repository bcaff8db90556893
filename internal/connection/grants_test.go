// SPDX-License-Identifier: Apache-2.0

package connection_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/connection"
)

func TestWhatElseAGrantBinds(t *testing.T) {
	hour := &metav1.Duration{Duration: time.Hour}
	yes, no := true, false
	for name, c := range map[string]struct {
		grant   pamv1alpha1.Grant
		request connection.Request
		why     string
	}{
		"the password, where the grant does not speak of it": {
			request: connection.Request{Password: true},
			why:     "grants[0] does not allow connectionSecret.password: it needs passwords: true",
		},
		"the password, where it is forbidden": {
			grant: pamv1alpha1.Grant{Passwords: &no}, request: connection.Request{Password: true},
			why: "grants[0] does not allow connectionSecret.password: it needs passwords: true",
		},
		"the password, where it is allowed": {
			grant: pamv1alpha1.Grant{Passwords: &yes}, request: connection.Request{Password: true},
		},
		"the password of a session that runs": {
			request: connection.Request{Password: true, Running: true},
			why:     "grants[0] does not allow connectionSecret.password: it needs passwords: true",
		},
		"a session that outlives its object, where the grant does not speak of it": {
			request: connection.Request{Keep: true},
			why:     "grants[0] does not allow deletionPolicy: Keep: it needs keep: true",
		},
		"a session that outlives its object, where it is forbidden": {
			grant: pamv1alpha1.Grant{Keep: &no}, request: connection.Request{Keep: true, Running: true},
			why: "grants[0] does not allow deletionPolicy: Keep: it needs keep: true",
		},
		"a session that outlives its object, where it is allowed": {
			grant: pamv1alpha1.Grant{Keep: &yes}, request: connection.Request{Keep: true, Running: true},
		},
		"a start within the delay": {
			grant: pamv1alpha1.Grant{MaxStartDelay: hour}, request: connection.Request{StartDelay: time.Hour},
		},
		"a start behind the delay": {
			grant: pamv1alpha1.Grant{MaxStartDelay: hour}, request: connection.Request{StartDelay: time.Hour + 1},
			why: "grants[0] allows a startTime at most 1h0m0s ahead",
		},
		"any start": {request: connection.Request{StartDelay: 10000 * time.Hour}},
		"an access policy, where all activities are allowed": {
			grant:   pamv1alpha1.Grant{Resources: []string{"db*"}},
			request: connection.Request{Resource: "db1", AccessPolicy: true},
		},
		"an access policy, where some activities are allowed": {
			grant:   pamv1alpha1.Grant{Activities: []string{"Linux *"}},
			request: connection.Request{Activity: "Linux root", AccessPolicy: true},
			why: "grants[0] does not allow choosing an access policy: it allows only some activities, " +
				"and a policy may stand for others",
		},
		"the duration of a session that runs": {
			grant: pamv1alpha1.Grant{MaxDuration: hour}, request: connection.Request{Running: true, Duration: 100 * time.Hour},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.grant.Namespaces = []string{"payments"}
			from := connection.Namespace{Name: "payments"}
			_, why, err := connection.Allowing([]pamv1alpha1.Grant{c.grant}, home, from, c.request)
			if err != nil || why != c.why {
				t.Errorf("got %q, %v; want %q", why, err, c.why)
			}
		})
	}
}

func TestLongest(t *testing.T) {
	of := func(d time.Duration) pamv1alpha1.Grant {
		return pamv1alpha1.Grant{Namespaces: []string{"payments"}, MaxDuration: &metav1.Duration{Duration: d}}
	}
	unlimited := pamv1alpha1.Grant{Namespaces: []string{"payments"}}
	elsewhere := pamv1alpha1.Grant{Namespaces: []string{"orders"}}
	for name, c := range map[string]struct {
		grants []pamv1alpha1.Grant
		from   string
		limit  time.Duration
		which  string
	}{
		"no grants, for the connection's own namespace": {from: home},
		"one":                                {[]pamv1alpha1.Grant{of(4)}, "", 4, "grants[0]"},
		"the longest of several":             {[]pamv1alpha1.Grant{of(1), of(3), of(2)}, "", 3, "grants[1]"},
		"one without a limit beside another": {grants: []pamv1alpha1.Grant{of(1), unlimited}},
		"another one's without a limit":      {[]pamv1alpha1.Grant{elsewhere, of(1)}, "", 1, "grants[1]"},
	} {
		t.Run(name, func(t *testing.T) {
			from := connection.Namespace{Name: "payments"}
			if c.from != "" {
				from.Name = c.from
			}
			allowing, why, err := connection.Allowing(c.grants, home, from, connection.Request{Running: true})
			if err != nil || why != "" {
				t.Fatal(why, err)
			}
			limit, which := connection.Longest(c.grants, allowing)
			if diff := cmp.Diff([]any{c.limit, c.which}, []any{limit, which}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	grant := &pamv1alpha1.Grant{
		Namespaces: []string{"payments"}, Activities: []string{"Linux *"}, MaxDuration: &metav1.Duration{Duration: 1},
	}
	for name, c := range map[string]struct {
		from    string
		request connection.Request
		want    bool
	}{
		"what it is about, whatever else it allows": {
			"payments", connection.Request{Activity: "Linux root", Password: true, Duration: time.Hour}, true,
		},
		"another activity":  {"payments", connection.Request{Activity: "Windows admin"}, false},
		"another namespace": {"orders", connection.Request{Activity: "Linux root"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := connection.Covers(grant, connection.Namespace{Name: c.from}, c.request)
			if err != nil || got != c.want {
				t.Errorf("got %t, %v", got, err)
			}
		})
	}
}
