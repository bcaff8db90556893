// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"net/http"
	"slices"
)

// sessionPath is the path of the sessions.
const sessionPath = "/api/v1/ActivitySession"

// routes returns the endpoints with the access that each requires (docs/vendors/nps.md 1 to 10).
func routes() []route {
	return slices.Concat(signInRoutes(), sessionRoutes(), actionRoutes(), catalogueRoutes())
}

// signInRoutes are about log-in and the server itself.
func signInRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		newRoute(post, "/signinBody", anonymous, (*Server).signInBody),
		newRoute(post, "/signin2fa", firstStage, (*Server).signInSecondFactor),
		newRoute(post, "/WebAppApi/api/v1/AppUserToken", anonymous, (*Server).applicationToken),
		newRoute(get, "/api/v1/UserToken", mfaRequired, (*Server).renewToken),
		newRoute(get, "/api/v1/Version", mfaRequired, (*Server).getVersion),
	}
}

// sessionRoutes create and read sessions and their connection data.
func sessionRoutes() []route {
	const get, post = http.MethodGet, http.MethodPost
	return []route{
		newRoute(post, sessionPath, mfaRequired, (*Server).createSession),
		newRoute(get, sessionPath+"/{id}", mfaRequired, (*Server).getSession),
		newRoute(get, sessionPath+"/MySummaryByStatus/{status}", mfaRequired, (*Server).listMine),
		newRoute(get, sessionPath+"/Rdp/{id}", mfaRequired, (*Server).getRDP),
		newRoute(get, sessionPath+"/Ssh/{id}", mfaRequired, (*Server).getSSH),
		newRoute(get, sessionPath+"/{id}/CanViewPassword", mfaRequired, (*Server).canViewPassword),
		newRoute(get, sessionPath+"/{id}/Password", mfaRequired, (*Server).getPassword),
		newRoute(get, sessionPath+"/{id}/Log", mfaRequired, (*Server).getLog),
	}
}

// actionRoutes act on sessions.
func actionRoutes() []route {
	const post, del = http.MethodPost, http.MethodDelete
	return []route{
		newRoute(del, sessionPath+"/{id}", mfaRequired, (*Server).deleteSession),
		newRoute(post, sessionPath+"/{id}/Extend", mfaRequired, (*Server).extendSession),
		newRoute(post, sessionPath+"/{id}/Approve", mfaRequired, (*Server).approveSession),
		newRoute(post, sessionPath+"/{id}/Deny", mfaRequired, (*Server).denySession),
	}
}

// catalogueRoutes look up what may be requested, and a session's platform.
func catalogueRoutes() []route {
	const get = http.MethodGet
	const policy = "/api/v1/AccessControlPolicy"
	return []route{
		newRoute(get, policy+"/ActivityCardWithPolicies", mfaRequired, (*Server).listActivityCards),
		newRoute(get, policy+"/ActivitySessionResources", mfaRequired, (*Server).listPolicyResources),
		newRoute(get, "/api/v1/Platform/{id}", mfaRequired, (*Server).getPlatform),
	}
}

// getVersion returns the version (docs/vendors/nps.md 3).
func (s *Server) getVersion(c *call) (answer, error) { return c.text(s.version), nil }
