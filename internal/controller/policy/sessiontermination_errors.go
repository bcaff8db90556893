// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"

	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// Codes of the appliance (docs/vendors/sps.md 8).
const (
	codeSessionNotFound       = "SessionCouldNotBeFound"
	codeTerminationFailed     = "SessionTerminationFailed"
	codeRemoteNodeInfoMissing = "RemoteNodeInfoMissing"
	codeServiceUnavailable    = "SessionTerminationServiceUnavailable"
	codeMinionUnavailable     = "MinionUnavailable"
)

// remedies are what the appliance's documentation says to do about an answer (docs/vendors/sps.md 8), or else where to
// find out more.
var remedies = map[string]string{
	codeTerminationFailed: "the appliance blames an internal error: its own logs say more, and its administrator " +
		"can close the session there",
	codeRemoteNodeInfoMissing: "the node that records the session is missing from the configuration of the primary " +
		"node: send the request to that node through a connection of its own, and ask One Identity Support for help",
	codeServiceUnavailable: "an administrator of the node that records the session has to run " +
		"\"systemctl restart sessionterminationservice.service\" on its console",
	codeMinionUnavailable: "the node that records the session cannot be reached: /api/cluster/status of the appliance " +
		"says more about it",
}

// withRemedy adds what to do about an answer of the appliance, if that is known.
func withRemedy(err error) error {
	if answer := rest.As(err); answer != nil && remedies[answer.Code] != "" {
		return fmt.Errorf("%w; %s", err, remedies[answer.Code])
	}
	return err
}

// isPermanent reports whether an error will not go away by itself: a refusal, a fault of the appliance, or an appliance
// that is too old to close sessions, which also answers 404.
func isPermanent(err error) bool {
	return rest.IsRejected(err) || rest.IsNotFound(err) || sps.IsTerminationFault(err)
}

// mayPass reports whether a fault may go away by itself: the part of the appliance that it blames may only be busy.
func mayPass(err error) bool {
	return sps.IsTerminationFault(err) && !hasCode(err, codeRemoteNodeInfoMissing)
}

func hasCode(err error, code string) bool {
	answer := rest.As(err)
	return answer != nil && answer.Code == code
}
