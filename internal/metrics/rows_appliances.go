// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/kinds"
)

// Values of the label result.
const (
	TransactionCommitted      = "committed"
	TransactionRolledBack     = "rolled_back"
	TransactionLost           = "lost"
	TransactionRollbackFailed = "rollback_failed"
	TransactionLocked         = "locked"
	TransactionFailed         = "failed"

	AdoptionAdopted = "adopted"
	AdoptionRefused = "refused"
)

func callRows() []Metric {
	labels := with([]string{labelSystem}, ofConnection...)
	return []Metric{
		{
			Name: requestsTotal, Type: Counter, Stability: Stable, Labels: with(labels, labelOperation, labelResult),
			Values: map[string][]string{labelResult: callResults()},
			Help: "Calls of appliances and servers, as they were on the wire. The result is the HTTP status; without a usable " +
				"answer it is timeout, connection, tls, cancelled (by us), or unreadable.",
			LookAt: "The share of results that are no 2xx. SPS answers some questions with 404 in normal operation.",
		},
		{
			Name: requestSeconds, Type: Histogram, Stability: Stable, Labels: with(labels, labelOperation),
			Buckets: []float64{0.01, 0.03, 0.1, 0.3, 0.5, 1, 3, 10, 20, 30, 60, 120},
			Help:    "Duration of these calls, from dialling to the last byte, in seconds.",
			LookAt:  "The time-outs: 30 s for a call, `spec.commit.timeout` for a commit.",
		},
	}
}

func transactionRows() []Metric {
	labels := []string{labelAppliance}
	return []Metric{
		{
			Name: transactionsTotal, Type: Counter, Stability: Stable, FromZero: true, Labels: with(labels, labelResult),
			Values: map[string][]string{labelResult: {
				TransactionCommitted, TransactionRolledBack, TransactionLost, TransactionRollbackFailed, TransactionLocked,
				TransactionFailed,
			}},
			Help: "Attempts to change the appliance: committed, rolled_back, lost (the commit had no usable answer), " +
				"rollback_failed (the lock may still be held), locked (by somebody else), or failed to open.",
			LookAt: "`rollback_failed` and `lost`: look at the appliance. Many `rolled_back`: one change spoils the others.",
		},
		{
			Name: txChanges, Type: Histogram, Stability: Stable, Labels: labels,
			Buckets: []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000},
			Help:    "Changes per committed transaction.",
			LookAt:  "Always 1 although many objects change: a longer `spec.commit.window` would save commits.",
		},
		{
			Name: txLockWait, Type: Histogram, Stability: Stable, Labels: labels,
			Buckets: []float64{0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 900, 1800, 3600},
			Help:    "From the first attempt to open a transaction until one was open, in seconds.",
			LookAt:  "Long waits: others hold the configuration; see " + ForeignLock + ".",
		},
		{
			Name: txLockHold, Type: Histogram, Stability: Stable, Labels: labels,
			Buckets: []float64{0.1, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180},
			Help:    "How long a transaction was open, so that nobody else could change the appliance, in seconds.",
			LookAt:  "Above `spec.commit.maxHold` plus a commit: the appliance is slow.",
		},
		{
			Name: txCommit, Type: Histogram, Stability: Stable, Labels: labels,
			Buckets: []float64{0.1, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180},
			Help:    "Duration of successful commits, in seconds.",
			LookAt:  "It grows with the appliance's configuration, not with the number of changes.",
		},
	}
}

func changeRows() []Metric {
	labels := []string{labelAppliance}
	return []Metric{
		{
			Name: changesTotal, Type: Counter, Stability: Stable, FromZero: true, Labels: with(labels, labelResult),
			Values: map[string][]string{labelResult: texts(appliance.Answers())},
			Help: "Single changes: committed (or found to be there), refused by the appliance, lost (it is not known whether " +
				"they were made), or given_up and made again later.",
			LookAt: "`refused`: the objects say why. `lost` should be followed by `committed`.",
		},
		{
			Name: ChangesWaiting, Type: Gauge, Stability: Stable, Labels: labels, AtScrape: true,
			Help:   "Changes that wait for a transaction, or for its commit.",
			LookAt: "It stays above 0 while nothing is committed.",
		},
		{
			Name: ForeignLock, Type: Gauge, Stability: Stable, Labels: labels, AtScrape: true,
			Help: "Since when somebody else has held the configuration of the appliance, as a Unix time in seconds; absent " +
				"otherwise, and if nothing wants to change it.",
			LookAt: "Longer than a manual change takes: `status.lock` of the SPSConnection names the holder.",
		},
		{
			Name: inventoryReads, Type: Counter, Stability: Alpha, Labels: with(labels, labelCause),
			Help:   "Collections of the appliance that were read as a whole.",
			LookAt: "`moved`: how often others change the appliance.",
		},
		{
			Name: InventoryChecked, Type: Gauge, Stability: Stable, Labels: labels, AtScrape: true,
			Help: "When the appliance last said whether its configuration had changed, as a Unix time in seconds, by any of " +
				"its connections.",
			LookAt: "Older than three `pam_inventory_check_interval_seconds`: drift is not seen.",
		},
		{
			Name: InventoryInterval, Type: Gauge, Stability: Stable, Labels: labels, AtScrape: true,
			Help: "How often the appliance is asked, in seconds: the shortest `spec.driftCheckInterval` of its ready " +
				"connections.",
			LookAt: "Drift is seen that late, at the worst.",
		},
	}
}

func policyRows() []Metric {
	return through(kinds.SPSConnection, []Metric{
		{
			Name: driftFound, Type: Counter, Stability: Stable, FromZero: true,
			Labels: ofConnectionAndKind, Values: map[string][]string{labelKind: policyKinds()},
			Help:   "Times that a pass found the appliance changed that was in sync, or that is only observed.",
			LookAt: "Its rate: someone edits by hand what the operator manages.",
		},
		{
			Name: driftRepaired, Type: Counter, Stability: Stable, FromZero: true,
			Labels: ofConnectionAndKind, Values: map[string][]string{labelKind: policyKinds()},
			Help:   "Times that such a difference was written over.",
			LookAt: "More than a few an hour: another writer; see the entry `Conflict` of the runbook.",
		},
		{
			Name: adoptionsTotal, Type: Counter, Stability: Stable, Labels: with(ofConnectionAndKind, labelResult),
			Values: map[string][]string{
				labelKind: policyKinds(), labelResult: {AdoptionAdopted, AdoptionRefused},
			},
			Help:   "Objects that were there already: adopted, or refused because of adoptionPolicy.",
			LookAt: "`refused` while a migration is in progress.",
		},
		{
			Name: leftoversTotal, Type: Counter, Stability: Stable, Labels: []string{labelCollection}, FromZero: true,
			Help:   "Objects that were released in the cluster although they may still be on their appliance or server.",
			LookAt: "Any increase: an account may still log in.",
		},
		{
			Name: Leftovers, Type: Gauge, Stability: Stable, Labels: []string{labelCollection}, AtScrape: true,
			Help: "Records of such leftovers that nobody has deleted yet, in the watched namespaces and the manager's own.",
			LookAt: "Above 0: clean up on the appliance, then delete the ConfigMap; see \"What deletion left behind\" in the " +
				"runbook.",
		},
	})
}
