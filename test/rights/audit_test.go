// SPDX-License-Identifier: Apache-2.0

package rights

import (
	"bufio"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	authorizationv1 "k8s.io/api/authorization/v1"
)

// auditPolicy records who asked for what and which role allowed it, and no bodies.
const auditPolicy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
  userGroups: ["system:serviceaccounts"]
- level: None
`

// allowedBy finds the role in the reason that the RBAC authorizer gives for its decision.
var allowedBy = regexp.MustCompile(`^RBAC: allowed by (?:Cluster)?RoleBinding "[^"]*" of (?:Cluster)?Role "([^"]*)"`)

// auditEvent is what is read of an event of the audit log.
type auditEvent struct {
	Verb      string
	User      struct{ Username string }
	ObjectRef *struct{ APIGroup, APIVersion, Resource, Subresource, Namespace, Name string }
	// Annotations have the decision of the authorizer, and its reason.
	Annotations map[string]string
}

// record is what the manager has asked of the API server.
type record struct {
	// used has a request for each right that was used.
	used map[right]authorizationv1.ResourceAttributes
	// refused are the requests that no role allows.
	refused map[string]bool
}

// readAudit reads the audit log of a user.
func readAudit(t *testing.T, file, user string) record {
	t.Helper()
	log, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	out := record{used: map[right]authorizationv1.ResourceAttributes{}, refused: map[string]bool{}}
	lines := bufio.NewScanner(log)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event auditEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			continue // the line that is being written
		}
		if event.User.Username == user && event.ObjectRef != nil {
			out.add(&event)
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func (r record) add(event *auditEvent) {
	ref := event.ObjectRef
	resource := ref.Resource
	if ref.Subresource != "" {
		resource += "/" + ref.Subresource
	}
	reason := event.Annotations["authorization.k8s.io/reason"]
	if event.Annotations["authorization.k8s.io/decision"] == "forbid" {
		where := strings.TrimSpace(ref.APIGroup + " " + resource + " in " + ref.Namespace)
		r.refused[event.Verb+" "+where] = true
		return
	}
	found := allowedBy.FindStringSubmatch(reason)
	if found == nil {
		return
	}
	r.used[right{found[1], ref.APIGroup, resource, event.Verb}] = authorizationv1.ResourceAttributes{
		Namespace: ref.Namespace, Verb: event.Verb, Group: ref.APIGroup, Version: ref.APIVersion,
		Resource: ref.Resource, Subresource: ref.Subresource, Name: ref.Name,
	}
}
