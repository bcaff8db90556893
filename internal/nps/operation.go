// SPDX-License-Identifier: Apache-2.0

package nps

// Operations of requests, for metrics.
const (
	operationLogIn          = "log_in"
	operationSecondFactor   = "second_factor"
	operationRenewToken     = "renew_token"
	operationVersion        = "version"
	operationRequestSession = "request_session"
	operationGetSession     = "get_session"
	operationListSessions   = "list_sessions"
	operationExtendSession  = "extend_session"
	operationEndSession     = "end_session"
	operationSessionLog     = "session_log"
	operationConnectionData = "connection_data"
	operationPlatform       = "platform"
	operationLookUp         = "look_up"
)

// Operations lists the operations of all requests; see rest.Request.
func Operations() []string {
	return []string{
		operationLogIn, operationSecondFactor, operationRenewToken, operationVersion, operationRequestSession,
		operationGetSession, operationListSessions, operationExtendSession, operationEndSession, operationSessionLog,
		operationConnectionData, operationPlatform, operationLookUp,
	}
}
