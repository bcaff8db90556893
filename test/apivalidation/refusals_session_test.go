// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"fmt"

	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	guidRule       = " must be a GUID such as 43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	noGUID         = "43a54a6d_1ba3_4b98_a2eb_552e03c60766"
	guid           = "43a54a6d-1ba3-4b98-a2eb-552e03c60766"
	nameOrIDRule   = "exactly one of name and id must be set"
	credentialRule = "exactly one of name, id, and username with domain must be set"
	targetRule     = "exactly one of resource and credential must be set"
	ttlRule        = "ttlSecondsAfterFinished can only be removed; create a new ActivitySession instead"
	runRule        = "spec.runID is immutable once the session was requested; delete this ActivitySession, and create " +
		"it with the new runID"
	boundToRule     = "boundTo must be a Job (apiVersion: batch/v1) or a Pod (apiVersion: v1)"
	stringValueRule = "value must have at most 12 characters with type: String, which is the limit of the server"
	durationRule    = "duration must be a duration from 1m to 8760h, such as 1h"
	growRule        = "duration can only be increased, and cannot be added or removed later; " +
		"set cancel to end the session sooner"
	terminationRule = "sessionID and policyRef are immutable; create a new SessionTermination instead"
)

var (
	session     = builder.ActivitySession("a")
	termination = builder.SessionTermination("a", "svc/rpokH8fD9kx6CaxNLznKx2/test:12")
)

var sessionRefusals = map[string]refusal{
	"ActivitySession: neither resource nor credential": {
		valid: session, change: `spec: {resource: null}`, field: "spec", want: targetRule,
	},
	"ActivitySession: resource and credential": {
		valid: session, change: `spec: {credential: {name: a}}`, field: "spec", want: targetRule,
	},
	"ActivitySession: extension without an end": {
		valid: session, change: `spec: {extension: {mode: Automatic}}`,
		field: "spec", want: "extension.mode: Automatic requires boundTo, or the session might never end",
	},
	"ActivitySession: activity by name and id": {
		valid: session, change: `spec: {activity: {id: ` + guid + `}}`, field: "spec.activity", want: nameOrIDRule,
	},
	"ActivitySession: activity by an id that is none": {
		valid: session, change: `spec: {activity: {name: null, id: ` + noGUID + `}}`,
		field: "spec.activity.id", want: "id" + guidRule,
	},
	"ActivitySession: resource without name and id": {
		valid: session, change: `spec: {resource: {name: null}}`, field: "spec.resource", want: nameOrIDRule,
	},
	"ActivitySession: resource by an id that is none": {
		valid: session, change: `spec: {resource: {name: null, id: ` + noGUID + `}}`,
		field: "spec.resource.id", want: "id" + guidRule,
	},
	"ActivitySession: credential by name and user name": {
		valid: session, change: `spec: {resource: null, credential: {name: a, username: b, domain: c}}`,
		field: "spec.credential", want: credentialRule,
	},
	"ActivitySession: credential without a domain": {
		valid: session, change: `spec: {resource: null, credential: {username: b}}`,
		field: "spec.credential", want: "username and domain must be set together",
	},
	"ActivitySession: credential by an id that is none": {
		valid: session, change: `spec: {resource: null, credential: {id: ` + noGUID + `}}`,
		field: "spec.credential.id", want: "id" + guidRule,
	},
	"ActivitySession: accessPolicyID that is none": {
		valid: session, change: `spec: {accessPolicyID: default}`,
		field: "spec.accessPolicyID", want: "accessPolicyID" + guidRule,
	},
	"ActivitySession: duration that is too short": {
		valid: session, change: `spec: {duration: 59s}`, field: "spec.duration", want: durationRule,
	},
	"ActivitySession: duration that is too long": {
		valid: session, change: `spec: {duration: 8760h1s}`, field: "spec.duration", want: durationRule,
	},
	"ActivitySession: approvalTimeout of nothing": {
		valid: session, change: `spec: {approvalTimeout: 0s}`,
		field: "spec.approvalTimeout", want: "approvalTimeout must be a duration from 1s to 8760h, such as 24h",
	},
	"ActivitySession: startTimeout that is too long": {
		valid: session, change: `spec: {startTimeout: 25h}`,
		field: "spec.startTimeout", want: "startTimeout must be a duration from 1s to 24h, such as 5m",
	},
	"ActivitySession: refreshInterval that is too short": {
		valid: session, change: `spec: {connectionSecret: {refreshInterval: 9s}}`,
		field: "spec.connectionSecret.refreshInterval",
		want:  "refreshInterval must be a duration of at least 10s, such as 45s",
	},
	"ActivitySession: connectionSecret of an impossible name": {
		valid: session, change: `spec: {connectionSecret: {name: a..b}}`,
		field: "spec.connectionSecret.name",
		want:  "name must be a valid Secret name: lower-case letters, digits, - and .",
	},
	"ActivitySession: boundTo a Deployment": {
		valid: session, change: `spec: {boundTo: {apiVersion: apps/v1, kind: Deployment, name: a}}`,
		field: "spec.boundTo", want: boundToRule,
	},
	"ActivitySession: boundTo a Job of the wrong version": {
		valid: session, change: `spec: {boundTo: {apiVersion: v1, kind: Job, name: a}}`,
		field: "spec.boundTo", want: boundToRule,
	},
	"ActivitySession: custom field of a policy that is none": {
		valid: session, change: `spec: {customFields: [{policyID: ` + noGUID + `, type: Options, name: a, value: b}]}`,
		field: "spec.customFields[0].policyID", want: "policyID" + guidRule,
	},
	"ActivitySession: custom field with a number that is none": {
		valid: session, change: `spec: {customFields: [{policyID: ` + guid + `, type: Integer, name: a, value: "1.5"}]}`,
		field: "spec.customFields[0]", want: "value must be an integer with type: Integer",
	},
	"ActivitySession: custom field with a text that is too long": {
		valid:  session,
		change: `spec: {customFields: [{policyID: ` + guid + `, type: String, name: a, value: "thirteen long"}]}`,
		field:  "spec.customFields[0]", want: stringValueRule,
	},
	"ActivitySession: connectionRef that changes": {
		valid: session, later: true, change: `spec: {connectionRef: {name: b}}`,
		field: "spec.connectionRef", want: "connectionRef is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: activity that changes": {
		valid: session, later: true, change: `spec: {activity: {name: b}}`,
		field: "spec.activity", want: "activity is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: resource that changes": {
		valid: session, later: true, change: `spec: {resource: {name: b}}`,
		field: "spec.resource", want: "resource is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: credential that changes": {
		valid: session, given: `spec: {resource: null, credential: {name: a}}`,
		later: true, change: `spec: {credential: {name: b}}`,
		field: "spec.credential", want: "credential is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: resource that becomes a credential": {
		valid: session, later: true, change: `spec: {resource: null, credential: {name: b}}`,
		field: "spec", want: "resource and credential are immutable; create a new ActivitySession instead",
	},
	"ActivitySession: connectionSecret that is added": {
		valid: session, later: true, change: `spec: {connectionSecret: {name: b}}`, field: "spec",
		want: "connectionSecret is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: connectionSecret with another name": {
		valid: session, given: `spec: {connectionSecret: {name: a}}`,
		later: true, change: `spec: {connectionSecret: {name: b}}`,
		field: "spec.connectionSecret", want: "name is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: connectionSecret with another password": {
		valid: session, given: `spec: {connectionSecret: {password: Never}}`,
		later: true, change: `spec: {connectionSecret: {password: IfAllowed}}`,
		field: "spec.connectionSecret", want: "password is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: connectionSecret with another refreshInterval": {
		valid: session, given: `spec: {connectionSecret: {refreshInterval: 60s}}`,
		later: true, change: `spec: {connectionSecret: {refreshInterval: 61s}}`,
		field: "spec.connectionSecret", want: "refreshInterval is immutable; create a new ActivitySession instead",
	},
	"ActivitySession: duration that shrinks": {
		valid: session, given: `spec: {duration: 2h}`, later: true, change: `spec: {duration: 119m}`,
		field: "spec", want: growRule,
	},
	"ActivitySession: duration that is added": {
		valid: session, later: true, change: `spec: {duration: 2h}`, field: "spec", want: growRule,
	},
	"ActivitySession: cancel that is taken back": {
		valid: session, given: `spec: {cancel: true}`, later: true, change: `spec: {cancel: false}`,
		field: "spec", want: "cancel cannot be undone; create a new ActivitySession instead",
	},

	"ActivitySession: ttlSecondsAfterFinished that changes": {
		valid: session, given: `spec: {ttlSecondsAfterFinished: 1}`, later: true,
		change: `spec: {ttlSecondsAfterFinished: 2}`, field: "spec", want: ttlRule,
	},
	"ActivitySession: ttlSecondsAfterFinished that is added": {
		valid: session, later: true, change: `spec: {ttlSecondsAfterFinished: 2}`, field: "spec", want: ttlRule,
	},
	"ActivitySession: runID that changes after the session was requested": {
		valid: session, given: `spec: {runID: a}`, status: `status: {requestID: "pam-operator/uid/1"}`,
		later: true, change: `spec: {runID: b}`, field: "<nil>", want: runRule,
	},
	"ActivitySession: runID that is added after the session was requested": {
		valid: session, status: `status: {requestID: "pam-operator/uid/1"}`,
		later: true, change: `spec: {runID: b}`, field: "<nil>", want: runRule,
	},

	"SessionTermination: runID that is taken away after the start": {
		valid: termination, given: `spec: {runID: a}`, status: `status: {startTime: "2030-01-02T03:04:05Z"}`,
		later: true, change: `spec: {runID: null}`, field: "<nil>",
		want: "spec.runID is immutable once the request has started; delete this SessionTermination, and create it with " +
			"the new runID",
	},
	"SessionTermination: neither sessionID nor policyRef": {
		valid: termination, change: `spec: {sessionID: null}`,
		field: "spec", want: "exactly one of sessionID and policyRef must be set",
	},
	"SessionTermination: sessionID and policyRef": {
		valid: termination, change: `spec: {policyRef: {name: a}}`,
		field: "spec", want: "exactly one of sessionID and policyRef must be set",
	},
	"SessionTermination: sessionID that becomes a policyRef": {
		valid: termination, later: true, change: `spec: {sessionID: null, policyRef: {name: a}}`,
		field: "spec", want: terminationRule,
	},
	"SessionTermination: sessionID that changes": {
		valid: termination, later: true, change: `spec: {sessionID: b}`,
		field: "spec.sessionID", want: "sessionID is immutable; create a new SessionTermination instead",
	},
	"SessionTermination: policyRef that changes": {
		valid: builder.SessionTermination("a", "", builder.OfPolicy("a")), later: true,
		change: `spec: {policyRef: {name: b}}`,
		field:  "spec.policyRef", want: "policyRef is immutable; create a new SessionTermination instead",
	},
	"SessionTermination: connectionRef that changes": {
		valid: termination, later: true, change: `spec: {connectionRef: {name: b}}`,
		field: "spec.connectionRef", want: connectionRule,
	},
}

// immutableSessionFields are the optional fields of an ActivitySession that must not change in any way: each has the
// same three refusals.
func immutableSessionFields() map[string]refusal {
	twoValues := map[string][2]string{
		"accessPolicyID":  {`""`, guid},
		"startTime":       {`"2030-01-02T03:04:05Z"`, `"2031-01-02T03:04:05Z"`},
		"note":            {"a", "b"},
		"ticket":          {"a", "b"},
		"requestedBy":     {"a", "b"},
		"protocol":        {"RDP", "SSH"},
		"boundTo":         {"{apiVersion: v1, kind: Pod, name: a}", "{apiVersion: v1, kind: Pod, name: b}"},
		"extension":       {"{mode: Never}", "{mode: null}"},
		"approvalTimeout": {"1h", "2h"},
		"startTimeout":    {"1h", "2h"},
		"customFields": {
			"[{policyID: " + guid + ", type: Integer, name: a, value: '1'}]",
			"[{policyID: " + guid + ", type: Integer, name: a, value: '2'}]",
		},
	}
	all := map[string]refusal{}
	for name, values := range twoValues {
		verb := "is"
		if name == "customFields" {
			verb = "are"
		}
		one, other := fmt.Sprintf("spec: {%s: %s}", name, values[0]), fmt.Sprintf("spec: {%s: %s}", name, values[1])
		nothing := fmt.Sprintf("spec: {%s: null}", name)
		want := fmt.Sprintf("%s %s immutable; create a new ActivitySession instead", name, verb)
		for change, patches := range map[string][2]string{
			"changes":       {one, other},
			"is added":      {"", one},
			"is taken away": {one, nothing},
		} {
			all[fmt.Sprintf("ActivitySession: %s that %s", name, change)] = refusal{
				valid: session, given: patches[0], later: true, change: patches[1], field: "spec", want: want,
			}
		}
	}
	return all
}
