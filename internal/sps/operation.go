// SPDX-License-Identifier: Apache-2.0

package sps

// Operations of requests, for metrics.
const (
	operationLogIn        = "log_in"
	operationInfo         = "info"
	operationList         = "list"
	operationGet          = "get"
	operationCreate       = "create"
	operationReplace      = "replace"
	operationDelete       = "delete"
	operationOpen         = "open_transaction"
	operationStatus       = "transaction_status"
	operationChanges      = "transaction_changes"
	operationCommit       = "commit"
	operationRollBack     = "roll_back"
	operationFindSessions = "find_sessions"
	operationCloseSession = "close_session"
)

// Operations lists the operations of all requests; see rest.Request.
func Operations() []string {
	return []string{
		operationLogIn, operationInfo, operationList, operationGet, operationCreate, operationReplace, operationDelete,
		operationOpen, operationStatus, operationChanges, operationCommit, operationRollBack, operationFindSessions,
		operationCloseSession,
	}
}
