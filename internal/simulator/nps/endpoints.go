// SPDX-License-Identifier: Apache-2.0

package nps

import "net/http"

// routes lists the endpoints with what each demands of its caller (nps contract 1 to 10).
func routes() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	const session = "/api/v1/ActivitySession"
	const policy = "/api/v1/AccessControlPolicy"
	return []route{
		newRoute(post, "/signinBody", anonymous, (*Server).signInBody),
		newRoute(post, "/signin", anonymous, (*Server).signInForm),
		newRoute(post, "/signin2fa", firstStage, (*Server).signInSecondFactor),
		newRoute(post, "/WebAppApi/api/v1/AppUserToken", anonymous, (*Server).applicationToken),
		newRoute(get, "/api/v1/UserToken", mfaRequired, (*Server).renewToken),
		newRoute(get, "/api/v1/Version", mfaRequired, (*Server).getVersion),
		newRoute(get, "/api/v1/Health", mfaRequired, (*Server).getHealth),

		newRoute(post, session, mfaRequired, (*Server).createSession),
		newRoute(post, session+"/Group", mfaRequired, (*Server).createGroup),
		newRoute(get, session+"/{id}", mfaRequired, (*Server).getSession),
		newRoute(get, session+"/SummaryById/{id}", mfaRequired, (*Server).getSummary),
		newRoute(get, session+"/MySummaryByStatus/{status}", mfaRequired, (*Server).listMine),
		newRoute(get, session+"/SummaryByStatus/{status}", mfaRequired, (*Server).listAll),
		newRoute(get, session+"/SummaryForResource/{id}", adminOnly, (*Server).listForResource),
		newRoute(get, session, adminOnly, (*Server).listFull),
		newRoute(get, session+"/Search", adminOnly, (*Server).searchSessions),
		newRoute(get, session+"/Config/{id}", adminOnly, (*Server).getConfig),

		newRoute(get, session+"/Rdp/{id}", mfaRequired, (*Server).getRDP),
		newRoute(get, session+"/Ssh/{id}", mfaRequired, (*Server).getSSH),
		newRoute(get, session+"/{id}/CanViewPassword", mfaRequired, (*Server).canViewPassword),
		newRoute(get, session+"/{id}/Password", mfaRequired, (*Server).getPassword),
		newRoute(get, session+"/{id}/Log", mfaRequired, (*Server).getLog),

		newRoute(del, session+"/{id}", mfaRequired, (*Server).deleteSession),
		newRoute(post, session+"/{id}/Extend", mfaRequired, (*Server).extendSession),
		newRoute(post, session+"/{id}/Approve", mfaRequired, (*Server).approveSession),
		newRoute(post, session+"/{id}/Deny", mfaRequired, (*Server).denySession),
		newRoute(put, session+"/lock", adminOnly, (*Server).lockSessions),
		newRoute(get, "/api/v1/ApprovalWorkflow/Approval", mfaRequired, (*Server).listApprovals),

		newRoute(get, session+"/Count", serviceOnly, notServed),
		newRoute(get, session+"/ApprovalCheck", serviceOnly, notServed),
		newRoute(del, session+"/CancelHanging", serviceOnly, notServed),
		newRoute(put, session+"/{id}/targetId/{target}", serviceOnly, notServed),
		newRoute(put, session+"/{id}/loginAccount", serviceOnly, notServed),

		newRoute(get, policy+"/PolicySearch", mfaRequired, (*Server).searchPolicies),
		newRoute(get, policy+"/ActivityCardWithPolicies", mfaRequired, (*Server).listActivityCards),
		newRoute(get, policy+"/ManagedAccount/{id}", mfaRequired, (*Server).listAccountCards),
		newRoute(get, policy+"/ActivitySessionResources", mfaRequired, (*Server).listPolicyResources),
		newRoute(get, "/api/v1/ManagedResource/{id}", mfaRequired, (*Server).getResource),
		newRoute(get, "/api/v1/ManagedResource", adminOnly, (*Server).listResources),
		newRoute(get, "/api/v1/Platform", mfaRequired, (*Server).listPlatforms),
		newRoute(get, "/api/v1/Platform/{id}", mfaRequired, (*Server).getPlatform),
		newRoute(get, "/api/v1/Activity", mfaRequired, (*Server).listActivities),
		newRoute(get, "/api/v1/Activity/{id}", mfaRequired, (*Server).getActivity),
	}
}

// notServed stands for the internal chores that no caller is let through to.
func notServed(*Server, *call) (answer, error) { return answer{status: http.StatusOK}, nil }

// getVersion answers the version (nps contract 3).
func (s *Server) getVersion(c *call) (answer, error) { return c.text(s.version), nil }

// getHealth answers that all is well (nps contract 3).
func (*Server) getHealth(c *call) (answer, error) { return c.text("Healthy"), nil }
