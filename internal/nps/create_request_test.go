// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCreateRequestOnTheWire(t *testing.T) {
	start := time.Date(2025, 3, 11, 19, 39, 30, 123456789, time.FixedZone("CET", 3600))
	tests := map[string]struct {
		request CreateRequest
		want    string
	}{
		"the least that is valid": {
			CreateRequest{ActivityID: "a", CredentialUsername: "root"},
			`{"activityId":"a","credentialUsername":"root"}`,
		},
		"everything": {
			CreateRequest{
				ActivityName: "a", ManagedResourceName: "r", CredentialDomain: "d", AccessPolicyID: "p",
				Start: start, End: start.Add(time.Hour), Note: "n", Ticket: "t",
				CustomFields: []CustomField{{PolicyID: "p", Type: CustomFieldInteger, Name: "f", Value: "1"}},
			},
			`{"activityName":"a","managedResourceName":"r","credentialDomain":"d","accessPolicyId":"p",` +
				`"startDateTimeUtc":"2025-03-11T18:39:30Z","endDateTimeUtc":"2025-03-11T19:39:30Z","note":"n","ticket":"t",` +
				`"customFields":[{"policyId":"p","customFieldDataType":0,"name":"f","value":"1"}]}`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := json.Marshal(tt.request)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCreateRequestRules(t *testing.T) {
	now := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		request CreateRequest
		want    string // the field that is wrong
	}{
		"an activity and a resource are enough": {CreateRequest{ActivityName: "a", ManagedResourceName: "r"}, ""},
		"a user name may have a domain": {
			CreateRequest{ActivityName: "a", CredentialUsername: "u", CredentialDomain: "d"}, "",
		},
		"no activity": {
			CreateRequest{ManagedResourceName: "r"}, "activityName",
		},
		"an activity by name and id": {
			CreateRequest{ActivityName: "a", ActivityID: "b", ManagedResourceName: "r"}, "activityId",
		},
		"no target": {
			CreateRequest{ActivityName: "a"}, "managedResourceName",
		},
		"a resource by name and id": {
			CreateRequest{ActivityName: "a", ManagedResourceName: "r", ManagedResourceID: "i"}, "managedResourceId",
		},
		"a resource and a credential": {
			CreateRequest{ActivityName: "a", ManagedResourceID: "i", CredentialName: "c"}, "credentialName",
		},
		"a domain without a user name": {
			CreateRequest{ActivityName: "a", CredentialID: "c", CredentialDomain: "d"}, "credentialDomain",
		},
		"an end that is not after the start": {
			CreateRequest{ActivityName: "a", CredentialID: "c", Start: now, End: now}, "endDateTimeUtc",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := ""
			if err, ok := errors.AsType[*InvalidRequestError](tt.request.Validate()); ok {
				got = err.Field
			}
			if got != tt.want {
				t.Errorf("field %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCreateSendsNoInvalidRequest(t *testing.T) {
	server := newRecorder()
	_, err := connect(t, server, appUser()).Create(t.Context(), CreateRequest{})
	if _, ok := errors.AsType[*InvalidRequestError](err); !ok {
		t.Errorf("got %v", err)
	}
	if len(server.seen()) != 0 {
		t.Errorf("sent %v", server.seen())
	}
}
