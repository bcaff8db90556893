// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"slices"
)

// sessionPath is the path of the sessions.
const sessionPath = "/api/v1/ActivitySession"

// routes returns the endpoints with the access that each requires (nps contract 1 to 10).
func routes() []route {
	return slices.Concat(signInRoutes(), sessionRoutes(), actionRoutes(), internalRoutes(), catalogueRoutes())
}

// signInRoutes are about log-in and the server itself.
func signInRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		newRoute(post, "/signinBody", anonymous, (*Server).signInBody),
		newRoute(post, "/signin", anonymous, (*Server).signInForm),
		newRoute(post, "/signin2fa", firstStage, (*Server).signInSecondFactor),
		newRoute(post, "/WebAppApi/api/v1/AppUserToken", anonymous, (*Server).applicationToken),
		newRoute(get, "/api/v1/UserToken", mfaRequired, (*Server).renewToken),
		newRoute(get, "/api/v1/Version", mfaRequired, (*Server).getVersion),
		newRoute(get, "/api/v1/Health", mfaRequired, (*Server).getHealth),
	}
}

// sessionRoutes create and read sessions and their connection data.
func sessionRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		newRoute(post, sessionPath, mfaRequired, (*Server).createSession),
		newRoute(post, sessionPath+"/Group", mfaRequired, (*Server).createGroup),
		newRoute(get, sessionPath+"/{id}", mfaRequired, (*Server).getSession),
		newRoute(get, sessionPath+"/SummaryById/{id}", mfaRequired, (*Server).getSummary),
		newRoute(get, sessionPath+"/MySummaryByStatus/{status}", mfaRequired, (*Server).listMine),
		newRoute(get, sessionPath+"/SummaryByStatus/{status}", mfaRequired, (*Server).listAll),
		newRoute(get, sessionPath+"/SummaryForResource/{id}", adminOnly, (*Server).listForResource),
		newRoute(get, sessionPath, adminOnly, (*Server).listFull),
		newRoute(get, sessionPath+"/Search", adminOnly, (*Server).searchSessions),
		newRoute(get, sessionPath+"/Config/{id}", adminOnly, (*Server).getConfig),
		newRoute(get, sessionPath+"/Rdp/{id}", mfaRequired, (*Server).getRDP),
		newRoute(get, sessionPath+"/Ssh/{id}", mfaRequired, (*Server).getSSH),
		newRoute(get, sessionPath+"/{id}/CanViewPassword", mfaRequired, (*Server).canViewPassword),
		newRoute(get, sessionPath+"/{id}/Password", mfaRequired, (*Server).getPassword),
		newRoute(get, sessionPath+"/{id}/Log", mfaRequired, (*Server).getLog),
	}
}

// actionRoutes act on sessions.
func actionRoutes() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		newRoute(del, sessionPath+"/{id}", mfaRequired, (*Server).deleteSession),
		newRoute(post, sessionPath+"/{id}/Extend", mfaRequired, (*Server).extendSession),
		newRoute(post, sessionPath+"/{id}/Approve", mfaRequired, (*Server).approveSession),
		newRoute(post, sessionPath+"/{id}/Deny", mfaRequired, (*Server).denySession),
		newRoute(put, sessionPath+"/lock", adminOnly, (*Server).lockSessions),
		newRoute(get, "/api/v1/ApprovalWorkflow/Approval", mfaRequired, (*Server).listApprovals),
	}
}

// internalRoutes belong to the server's own services.
func internalRoutes() []route {
	const get, put, del = http.MethodGet, http.MethodPut, http.MethodDelete
	return []route{
		newRoute(get, sessionPath+"/Count", serviceOnly, notServed),
		newRoute(get, sessionPath+"/ApprovalCheck", serviceOnly, notServed),
		newRoute(del, sessionPath+"/CancelHanging", serviceOnly, notServed),
		newRoute(put, sessionPath+"/{id}/targetId/{target}", serviceOnly, notServed),
		newRoute(put, sessionPath+"/{id}/loginAccount", serviceOnly, notServed),
	}
}

// catalogueRoutes look up policies, resources, platforms and activities.
func catalogueRoutes() []route {
	const get = http.MethodGet
	const policy = "/api/v1/AccessControlPolicy"
	return []route{
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

// notServed stands for internal endpoints that no caller can reach.
func notServed(*Server, *call) (answer, error) { return answer{status: http.StatusOK}, nil }

// getVersion returns the version (nps contract 3).
func (s *Server) getVersion(c *call) (answer, error) { return c.text(s.version), nil }

// getHealth reports that all is well (nps contract 3).
func (*Server) getHealth(c *call) (answer, error) { return c.text("Healthy"), nil }
