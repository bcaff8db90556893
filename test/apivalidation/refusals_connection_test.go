// SPDX-License-Identifier: Apache-2.0

package apivalidation

import (
	"github.com/pam-operator/pam-operator/test/builder"
)

const (
	spsURLRule        = "url must be https, a host and an optional port, such as https://sps.example.com"
	npsURLRule        = "url must be https, a host and an optional port, such as https://nps.example.com:6500"
	selectorRule      = "selector is required with from: Selector, and forbidden otherwise"
	caBundleRule      = "caBundleRef has no effect with insecureSkipVerify: true; remove one of them"
	windowRule        = "window must not be longer than maxWindow, which defaults to 5s"
	grantRule         = "exactly one of namespaces and namespaceSelector must be set"
	grantDurationRule = "maxDuration must be a duration from 1m to 8760h, such as 2h"
	startDelayRule    = "maxStartDelay must be a duration from 0s to 8760h, such as 24h"
	responseSizeRule  = "maxResponseSize must be from 64Ki to 512Mi"
	serialNumberRule  = "serialNumber must be hexadecimal, such as 3F00A1B2; leave it out to read it from the certificate"
)

var (
	sps = builder.SPSConnection("a")
	nps = builder.NPSConnection("a")
)

var connectionRefusals = map[string]refusal{
	"SPSConnection: url without encryption": {
		valid: sps, change: `spec: {url: "http://sps.example.com"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url without a host": {
		valid: sps, change: `spec: {url: "https://:443"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url with a path": {
		valid: sps, change: `spec: {url: "https://sps.example.com/api"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url with a query": {
		valid: sps, change: `spec: {url: "https://sps.example.com?a=b"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url with an empty query": {
		valid: sps, change: `spec: {url: "https://sps.example.com?"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url with a fragment": {
		valid: sps, change: `spec: {url: "https://sps.example.com#a"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url with credentials": {
		valid: sps, change: `spec: {url: "https://a:b@sps.example.com"}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: url that is a host only": {
		valid: sps, change: `spec: {url: sps.example.com}`, field: "spec.url", want: spsURLRule,
	},
	"SPSConnection: allowedNamespaces by selector without one": {
		valid: sps, change: `spec: {allowedNamespaces: {from: Selector}}`,
		field: "spec.allowedNamespaces", want: selectorRule,
	},
	"SPSConnection: allowedNamespaces with a selector that has no effect": {
		valid: sps, change: `spec: {allowedNamespaces: {from: All, selector: {matchLabels: {a: b}}}}`,
		field: "spec.allowedNamespaces", want: selectorRule,
	},
	"SPSConnection: tls with a CA that has no effect": {
		valid: sps, change: `spec: {tls: {insecureSkipVerify: true, caBundleRef: {kind: ConfigMap, name: ca}}}`,
		field: "spec.tls", want: caBundleRule,
	},
	"SPSConnection: commit.window longer than maxWindow": {
		valid: sps, change: `spec: {commit: {window: 3s, maxWindow: 2s}}`, field: "spec.commit", want: windowRule,
	},
	"SPSConnection: commit.window longer than the default of maxWindow": {
		valid: sps, change: `spec: {commit: {window: 6s}}`, field: "spec.commit", want: windowRule,
	},
	"SPSConnection: commit.window of nothing": {
		valid: sps, change: `spec: {commit: {window: 0s}}`,
		field: "spec.commit.window", want: "window must be a duration from 1ms to 10m, such as 1s",
	},
	"SPSConnection: commit.maxWindow without a unit": {
		valid: sps, change: `spec: {commit: {maxWindow: "5"}}`,
		field: "spec.commit.maxWindow", want: "maxWindow must be a duration from 1ms to 1h, such as 5s",
	},
	"SPSConnection: commit.maxHold too long": {
		valid: sps, change: `spec: {commit: {maxHold: 11m}}`,
		field: "spec.commit.maxHold", want: "maxHold must be a duration from 1s to 10m, such as 60s",
	},
	"SPSConnection: commit.timeout too short": {
		valid: sps, change: `spec: {commit: {timeout: 999ms}}`,
		field: "spec.commit.timeout", want: "timeout must be a duration from 1s to 30m, such as 120s",
	},
	"SPSConnection: driftCheckInterval in days": {
		valid: sps, change: `spec: {driftCheckInterval: 1d}`,
		field: "spec.driftCheckInterval", want: "driftCheckInterval must be a duration from 1s to 24h, such as 5m",
	},
	"SPSConnection: grant for nobody": {
		valid: sps, change: `spec: {grants: [{namespaces: [a]}, {kinds: [LocalUser]}]}`,
		field: "spec.grants[1]", want: grantRule,
	},
	"SPSConnection: grant by names and by labels": {
		valid: sps, change: `spec: {grants: [{namespaces: [a], namespaceSelector: {matchLabels: {a: b}}}]}`,
		field: "spec.grants[0]", want: grantRule,
	},
	"SPSConnection: limits.maxResponseSize in which no list fits": {
		valid: sps, change: `spec: {limits: {maxResponseSize: 63Ki}}`,
		field: "spec.limits.maxResponseSize", want: responseSizeRule,
	},
	"SPSConnection: limits.maxResponseSize of more than the manager has": {
		valid: sps, change: `spec: {limits: {maxResponseSize: 1Gi}}`,
		field: "spec.limits.maxResponseSize", want: responseSizeRule,
	},

	"NPSConnection: url without encryption": {
		valid: nps, change: `spec: {url: "http://nps.example.com:6500"}`, field: "spec.url", want: npsURLRule,
	},
	"NPSConnection: url with a path": {
		valid: nps, change: `spec: {url: "https://nps.example.com:6500/api/v1"}`, field: "spec.url", want: npsURLRule,
	},
	"NPSConnection: auth of an application without its member": {
		valid: nps, change: `spec: {auth: {applicationUser: null}}`,
		field: "spec.auth", want: "applicationUser is required with type: ApplicationUser, and forbidden otherwise",
	},
	"NPSConnection: auth of an application with the member of a user": {
		valid: nps, change: `spec: {auth: {user: {credentialsSecretRef: {name: a}}}}`,
		field: "spec.auth", want: "user is required with type: User, and forbidden otherwise",
	},
	"NPSConnection: auth of a user with the member of an application": {
		valid:  builder.NPSConnection("a", builder.UserSignIn()),
		change: `spec: {auth: {applicationUser: {credentialsSecretRef: {name: a}, certificateSecretRef: {name: a}}}}`,
		field:  "spec.auth", want: "applicationUser is required with type: ApplicationUser, and forbidden otherwise",
	},
	"NPSConnection: auth of a user without its member": {
		valid: builder.NPSConnection("a", builder.UserSignIn()), change: `spec: {auth: {user: null}}`,
		field: "spec.auth", want: "user is required with type: User, and forbidden otherwise",
	},
	"NPSConnection: serialNumber that is not hexadecimal": {
		valid: nps, change: `spec: {auth: {applicationUser: {serialNumber: 3G}}}`,
		field: "spec.auth.applicationUser.serialNumber", want: serialNumberRule,
	},
	"NPSConnection: allowedNamespaces with a selector but without from": {
		valid: nps, change: `spec: {allowedNamespaces: {selector: {matchLabels: {a: b}}}}`,
		field: "spec.allowedNamespaces", want: selectorRule,
	},
	"NPSConnection: tls with a CA that has no effect": {
		valid: nps, change: `spec: {tls: {insecureSkipVerify: true, caBundleRef: {kind: Secret, name: ca}}}`,
		field: "spec.tls", want: caBundleRule,
	},
	"NPSConnection: grant for nobody": {
		valid: nps, change: `spec: {grants: [{namespaces: [a]}, {activities: ["*"]}]}`,
		field: "spec.grants[1]", want: grantRule,
	},
	"NPSConnection: grant by names and by labels": {
		valid: nps, change: `spec: {grants: [{namespaces: [a], namespaceSelector: {matchLabels: {a: b}}}]}`,
		field: "spec.grants[0]", want: grantRule,
	},
	"NPSConnection: grant of a maxDuration that is too short": {
		valid: nps, change: `spec: {grants: [{namespaces: [a], maxDuration: 59s}]}`,
		field: "spec.grants[0].maxDuration", want: grantDurationRule,
	},
	"NPSConnection: grant of a maxStartDelay that is too long": {
		valid: nps, change: `spec: {grants: [{namespaces: [a], maxStartDelay: 8761h}]}`,
		field: "spec.grants[0].maxStartDelay", want: startDelayRule,
	},
	"NPSConnection: limits.maxResponseSize that is too small": {
		valid: nps, change: `spec: {limits: {maxResponseSize: "1"}}`,
		field: "spec.limits.maxResponseSize", want: responseSizeRule,
	},
	"NPSConnection: polling.starting too often": {
		valid: nps, change: `spec: {polling: {starting: 49ms}}`,
		field: "spec.polling.starting", want: "starting must be a duration from 50ms to 10m, such as 2s",
	},
	"NPSConnection: polling.active too seldom": {
		valid: nps, change: `spec: {polling: {active: 61m}}`,
		field: "spec.polling.active", want: "active must be a duration from 50ms to 1h, such as 15s",
	},
}
