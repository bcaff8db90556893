// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/lane"
)

func objectRows() []Metric {
	return []Metric{
		{
			Name: Objects, Type: Gauge, Stability: Stable, AtScrape: true,
			Labels: with(ofConnectionAndKind, labelReason, labelActs),
			Help: "Objects by the reason of Ready. One that was not reconciled yet is Progressing. Nobody acts on a session, " +
				"a termination or an export that is over.",
			LookAt: "`acts=\"author\"` or `acts=\"owner\"`: someone has to do something; the runbook has an entry per reason.",
		},
		{
			Name: ObjectNotReady, Type: Gauge, Stability: Stable, AtScrape: true,
			Labels: []string{
				labelKind, labelObjectNamespace, labelObject, labelConnectionNamespace, labelConnection, labelReason, labelActs,
			},
			Help: "Since when an object is not ready, as a Unix time in seconds. Only for objects that are neither ready, " +
				"suspended nor over; for the 1000 that have waited longest.",
			LookAt: "The difference to `time()`: what has waited long although nobody has to act.",
		},
		{
			Name: ObjectsNotShown, Type: Gauge, Stability: Stable, AtScrape: true,
			Help:   "Objects that are not ready and left out of " + ObjectNotReady + ".",
			LookAt: "Above 0: look at the connections first, something affects many objects.",
		},
		{
			Name: DriftedObjects, Type: Gauge, Stability: Stable, AtScrape: true,
			Labels: with(ofConnectionAndKind, labelManagementPolicy),
			Help:   "Objects whose appliance differs from the spec now.",
			LookAt: "`management_policy=\"Manage\"`: it should be repaired within minutes.",
		},
		{
			Name: DeletingObjects, Type: Gauge, Stability: Stable, AtScrape: true, Labels: []string{labelKind},
			Help:   "Objects that are being deleted.",
			LookAt: "The next one.",
		},
		{
			Name: OldestDeletion, Type: Gauge, Stability: Stable, AtScrape: true, Labels: []string{labelKind},
			Help:   "Since when the object has been deleted that has waited longest, as a Unix time in seconds.",
			LookAt: "Older than `--deletion-deadline`: someone has to act; see `Ready` of the object.",
		},
	}
}

func connectionRows() []Metric {
	return []Metric{
		{
			Name: ConnectionReady, Type: Gauge, Stability: Stable, AtScrape: true, Labels: ofConnectionAndKind,
			Help:   "1 for a connection that is ready, 0 for another one.",
			LookAt: "0, unless it is suspended: the reason is in " + ObjectNotReady + ".",
		},
		{
			Name: ConnectionSuspended, Type: Gauge, Stability: Stable, AtScrape: true, Labels: ofConnectionAndKind,
			Help:   "1 for a connection that is suspended, 0 for another one.",
			LookAt: "Whether a suspension was forgotten.",
		},
		{
			Name: ConnectionInfo, Type: Gauge, Stability: Stable, AtScrape: true,
			Labels: with(ofConnectionAndKind, labelAppliance, labelVersion),
			Help:   "1 for each connection, with the address that it leads to and the version found there.",
			LookAt: "Join it to find the connection of an appliance: `* on(appliance) group_right ...`.",
		},
		{
			Name: InsecureTLS, Type: Gauge, Stability: Stable, AtScrape: true, Labels: ofConnectionAndKind,
			Help:   "1 for each connection that does not verify its server's certificate; others have no series.",
			LookAt: "Any: everyone on the network path can read the credentials.",
		},
		{
			Name: CredentialExpiry, Type: Gauge, Stability: Stable, AtScrape: true,
			Labels: with(ofConnectionAndKind, labelCredential),
			Help: "When what a connection relies on expires, as a Unix time in seconds; as far as it is known without a " +
				"further call.",
			LookAt: "Certificates with less than two weeks left. A token lives for minutes and is renewed well before.",
		},
		{
			Name: CircuitBreaker, Type: Gauge, Stability: Alpha, Labels: ofConnectionAndKind,
			Help:   "State of a circuit breaker: 0 closed, 1 half-open (a probe is in progress), 2 open (nothing is sent).",
			LookAt: "Not 0 for minutes: the server does not answer.",
		},
	}
}

func managerRows() []Metric {
	return []Metric{
		{
			Name: buildInfo, Type: Gauge, Stability: Stable, Labels: []string{labelVersion, labelRevision, labelGoVersion},
			Help:   "1, with what the manager was built from.",
			LookAt: "More than one version: an upgrade is in progress, or stuck.",
		},
		{
			Name: reconcileRequests, Type: Counter, Stability: Stable, Labels: []string{labelKind}, FromZero: true,
			Help: "Requests to reconcile, by the annotation " + pamv1alpha1.AnnotationReconcileRequestedAt + ", that were " +
				"handled.",
			LookAt: "A steady rate: a tool asks for what the operator does by itself.",
		},
		{
			Name: passesNow, Type: Gauge, Stability: Alpha, Labels: []string{labelController, labelState},
			Values: map[string][]string{labelState: texts(lane.States())},
			Help: "Passes over objects by state: waiting in the lane of their connection, running, or aside (waiting for a " +
				"shared commit).",
			LookAt: "`waiting` that does not go down: an appliance is slow, or does not answer.",
		},
		{
			Name: passesTotal, Type: Counter, Stability: Alpha, Labels: []string{labelController, labelResult},
			Values: map[string][]string{labelResult: {PassSucceeded, PassFailed}},
			Help:   "Finished passes over objects.",
			LookAt: "The rate of `failed`.",
		},
		{
			Name: passSeconds, Type: Histogram, Stability: Alpha, Labels: []string{labelController},
			Buckets: []float64{0.005, 0.02, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120},
			Help:    "Duration of passes over objects, including the wait for a shared commit, in seconds.",
			LookAt:  "Compare it with the commits of the appliances.",
		},
	}
}
