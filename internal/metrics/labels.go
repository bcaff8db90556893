// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/appliance"
	"github.com/pam-operator/pam-operator/internal/kinds"
	"github.com/pam-operator/pam-operator/internal/nps"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Names of labels. None of them may be namespace, name, pod, job or instance: Prometheus adds these itself, and would
// rename ours.
const (
	labelKind                = "kind"
	labelConnectionNamespace = "connection_namespace"
	labelConnection          = "connection"
	labelObjectNamespace     = "object_namespace"
	labelObject              = "object"
	labelReason              = "reason"
	labelActs                = "acts"
	labelManagementPolicy    = "management_policy"
	labelAppliance           = "appliance"
	labelVersion             = "version"
	labelCredential          = "credential"
	labelSystem              = "system"
	labelOperation           = "operation"
	labelResult              = "result"
	labelCause               = "cause"
	labelCollection          = "collection"
	labelPhase               = "phase"
	labelOutcome             = "outcome"
	labelApproval            = "approval"
	labelController          = "controller"
	labelState               = "state"
	labelRevision            = "revision"
	labelGoVersion           = "goversion"
)

// Label is what a label means wherever it is used.
type Label struct {
	Name, Meaning string
	// Values is the closed list of its values; nil if they are names.
	Values []string
}

// Values of labels.
const (
	SystemSPS = "sps"
	SystemNPS = "nps"

	// SuspendedPolicy is the management policy of an object that is suspended: its difference is not repaired on purpose.
	SuspendedPolicy = "Suspended"

	CredentialToken             = "token"
	CredentialClientCertificate = "client_certificate"
	CredentialCA                = "ca"
	CredentialServerCertificate = "server_certificate" //nolint:gosec // G101: the value of a label

	// NoReason is the reason of a session that ended without a failure.
	NoReason = "None"

	// SessionCollection is the collection of a leftover that is a session.
	SessionCollection = "sessions"
)

// labels has every label.
func labels() []Label {
	return []Label{
		{labelKind, "The kind of the object.", kindNames()},
		{labelConnectionNamespace, "Namespace of the connection that the object uses, or of the connection itself; `other` " +
			"if it does not exist.", nil},
		{labelConnection, "Name of that connection; `other` if it does not exist.", nil},
		{labelObjectNamespace, "Namespace of the object.", nil},
		{labelObject, "Name of the object.", nil},
		{labelReason, "The reason of `Ready`; see the [runbook](runbook.md).", pamv1alpha1.AllReasons()},
		{labelActs, "Who acts on that reason: nobody, wait (it clears without help), the author of the object, the owner " +
			"of the connection or appliance, or the maker of the operator.", texts(pamv1alpha1.AllActors())},
		{labelManagementPolicy, "What happens to a difference: it is repaired (`Manage`), only reported (`Observe`), or " +
			"left alone because the object or its connection is suspended (`Suspended`).", managementPolicies()},
		{labelAppliance, "Address of the appliance or server, as host:port.", nil},
		{labelVersion, "Version, as the appliance or server reports it; of `pam_build_info`, that of the manager.", nil},
		{labelCredential, "What expires: the token of the log-in session, our client certificate, the certificate of the " +
			"authority that the server's certificate was verified by, or the server's certificate.", credentials()},
		{labelSystem, "The kind of server: `sps` for an SPSConnection, `nps` for an NPSConnection.", systems()},
		{labelOperation, "What the call was for.", operations()},
		{labelCause, "Why the inventory was read: for the first time, because the configuration had changed, because it " +
			"was due or the appliance does not say whether it has changed, or on request.",
			texts(appliance.Causes())},
		{labelCollection, "Where on the appliance the leftover is; `sessions` for a session of a server.", collections()},
		{labelPhase, "The phase of the session.", texts(pamv1alpha1.AllSessionPhases())},
		{labelApproval, "Whether the session waited for an approver.", []string{"false", "true"}},
		{labelController, "The controller, which is the kind in lower case.", controllers()},
		{labelRevision, "The commit that the manager was built from.", nil},
		{labelGoVersion, "The version of Go that it was built with.", nil},
	}
}

func kindNames() (names []string) {
	for _, k := range kinds.All() {
		names = append(names, k.Name)
	}
	return names
}

func policyKinds() (names []string) {
	for _, k := range kinds.Policies() {
		names = append(names, k.Name)
	}
	return names
}

// texts are values as labels show them.
func texts[T ~string](values []T) []string {
	out := make([]string, 0, len(values))
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}

func managementPolicies() []string {
	return []string{
		string(pamv1alpha1.ManagementPolicyManage), string(pamv1alpha1.ManagementPolicyObserve), SuspendedPolicy,
	}
}

func credentials() []string {
	return []string{CredentialToken, CredentialClientCertificate, CredentialCA, CredentialServerCertificate}
}

func systems() []string { return []string{SystemSPS, SystemNPS} }

func operations() []string {
	all := slices.Concat(sps.Operations(), nps.Operations())
	slices.Sort(all)
	return slices.Compact(all)
}

func collections() (names []string) {
	for _, k := range kinds.Policies() {
		names = append(names, string(k.Collection))
	}
	return append(names, SessionCollection)
}

// callResults are the statuses that HTTP knows, and what there is instead of one.
func callResults() (results []string) {
	for status := 100; status < 600; status++ {
		if http.StatusText(status) != "" {
			results = append(results, strconv.Itoa(status))
		}
	}
	return append(results, rest.Results()...)
}

func controllers() (names []string) {
	for _, k := range kinds.All() {
		names = append(names, strings.ToLower(k.Name))
	}
	return names
}
