// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/groupcommit"
)

// Appliance counts what happens on an appliance, whichever connection leads to it. It is an appliance.Observer.
type Appliance struct{ address string }

// OfAppliance returns the appliance at a URL.
func OfAppliance(url string) Appliance {
	a := Appliance{Address(url)}
	a.note()
	return a
}

func (a Appliance) note() {
	if _, known := seen.appliances.LoadOrStore(a.address, true); !known {
		beginAtZero(func(m Metric) (prometheus.Labels, bool) {
			return prometheus.Labels{labelAppliance: a.address}, m.has(labelAppliance)
		})
	}
}

// Transaction counts what a group commit reports.
func (a Appliance) Transaction(e groupcommit.Event) {
	a.note()
	switch e.Kind {
	case groupcommit.TransactionOpened:
		observe(txLockWait, e.Wait.Seconds(), a.address)
	case groupcommit.NotOpened:
		a.ended(e, notOpened(e.Verdict))
	case groupcommit.Committed:
		a.ended(e, TransactionCommitted)
		observe(txChanges, float64(e.Changes), a.address)
		observe(txCommit, e.Duration.Seconds(), a.address)
	case groupcommit.RolledBack:
		a.ended(e, TransactionRolledBack)
	case groupcommit.Lost:
		a.ended(e, TransactionLost)
	case groupcommit.RollbackFailed:
		a.ended(e, TransactionRollbackFailed)
	case groupcommit.BatchLocked, groupcommit.AllRefused: // NotOpened has counted it, or RolledBack
	}
}

func notOpened(v groupcommit.Verdict) string {
	if v == groupcommit.Locked {
		return TransactionLocked
	}
	return TransactionFailed
}

func (a Appliance) ended(e groupcommit.Event, result string) {
	count(transactionsTotal, a.address, result)
	if e.Hold > 0 {
		observe(txLockHold, e.Hold.Seconds(), a.address)
	}
}

// Change counts the answer to a change.
func (a Appliance) Change(answer appliance.Answer) {
	a.note()
	count(changesTotal, a.address, string(answer))
}

// InventoryRead counts a collection that was read as a whole.
func (a Appliance) InventoryRead(cause appliance.Cause) {
	a.note()
	count(inventoryReads, a.address, string(cause))
}

// forgetAppliance removes the series of an appliance to which no connection leads any more.
func forgetAppliance(address string) {
	seen.appliances.Delete(address)
	for name, vector := range vectors() {
		if rows[name].has(labelAppliance) {
			vector.DeletePartialMatch(prometheus.Labels{labelAppliance: address})
		}
	}
}
