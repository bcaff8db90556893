// SPDX-License-Identifier: Apache-2.0

package metrics

// Names of the metrics.
const (
	Objects             = "pam_objects"
	ObjectNotReady      = "pam_object_not_ready_timestamp_seconds"
	ObjectsNotShown     = "pam_objects_not_shown"
	DriftedObjects      = "pam_drifted_objects"
	DeletingObjects     = "pam_deleting_objects"
	OldestDeletion      = "pam_oldest_deletion_timestamp_seconds"
	Leftovers           = "pam_leftovers"
	ConnectionReady     = "pam_connection_ready"
	ConnectionSuspended = "pam_connection_suspended"
	ConnectionInfo      = "pam_connection_info"
	InsecureTLS         = "pam_connection_insecure_tls"
	CredentialExpiry    = "pam_connection_credential_expiry_timestamp_seconds"
	CircuitBreaker      = "pam_connection_circuit_breaker"
	ForeignLock         = "pam_foreign_lock_timestamp_seconds"
	ChangesWaiting      = "pam_changes_waiting"
	InventoryChecked    = "pam_inventory_check_timestamp_seconds"
	InventoryInterval   = "pam_inventory_check_interval_seconds"
	Sessions            = "pam_sessions"
	SessionLimit        = "pam_session_limit"
	requestsTotal       = "pam_requests_total"
	requestSeconds      = "pam_request_duration_seconds"
	transactionsTotal   = "pam_transactions_total"
	txChanges           = "pam_transaction_changes"
	txLockWait          = "pam_transaction_lock_wait_seconds"
	txLockHold          = "pam_transaction_lock_hold_seconds"
	txCommit            = "pam_transaction_commit_seconds"
	changesTotal        = "pam_changes_total"
	inventoryReads      = "pam_inventory_reads_total"
	driftFound          = "pam_drift_found_total"
	driftRepaired       = "pam_drift_repaired_total"
	adoptionsTotal      = "pam_adoptions_total"
	leftoversTotal      = "pam_leftovers_total"
	sessionRequests     = "pam_session_requests_total"
	sessionDuplicates   = "pam_session_duplicates_total"
	sessionToActive     = "pam_session_time_to_active_seconds"
	sessionEnds         = "pam_session_ends_total"
	sessionExtensions   = "pam_session_extensions_total"
	secretAge           = "pam_session_secret_age_seconds" //nolint:gosec // G101: a name
	secretLag           = "pam_session_secret_lag_seconds" //nolint:gosec // G101: a name
	buildInfo           = "pam_build_info"
	reconcileRequests   = "pam_reconcile_requests_total"
	passesNow           = "pam_passes"
	passesTotal         = "pam_passes_total"
	passSeconds         = "pam_pass_duration_seconds" //nolint:gosec // G101: a name
)

// MaxNotReady is how many series ObjectNotReady has at most.
const MaxNotReady = 1000

// Sets of labels.
var (
	ofConnection        = []string{labelConnectionNamespace, labelConnection}
	ofConnectionAndKind = []string{labelKind, labelConnectionNamespace, labelConnection}
)

// through notes by which kind of connection the objects of the rows go.
func through(connection string, rows []Metric) []Metric {
	for i := range rows {
		rows[i].Through = connection
	}
	return rows
}

func with(labels []string, more ...string) []string {
	return append(append([]string{}, labels...), more...)
}

// Table returns the whole table, in the order of docs/metrics.md.
func Table() []Section {
	sections := []Section{
		{"Objects", objectRows()},
		{"Connections", connectionRows()},
		{"Calls", callRows()},
		{"Transactions", append(transactionRows(), changeRows()...)},
		{"Drift, adoption and leftovers", policyRows()},
		{"Sessions", sessionRows()},
		{"The manager", managerRows()},
	}
	for _, section := range sections {
		for i := range section.Metrics {
			section.Metrics[i].close(labels())
		}
	}
	return sections
}
