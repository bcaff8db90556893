// SPDX-License-Identifier: Apache-2.0

package policy

import (
	pamv1alpha1 "github.com/pam-operator/pam-operator/api/v1alpha1"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// anyNetwork is where the clients and targets of a new policy may be.
const anyNetwork = "0.0.0.0/0"

// complete is the full body that is created: what the spec manages, laid over the documented defaults.
func (m mapping[T]) complete(obj T, managed sps.Body, keys map[string]string) (sps.Body, error) {
	common, err := sps.ToBody(sps.ConnectionPolicy{
		Network: &sps.Network{Clients: []string{anyNetwork}, Targets: []string{anyNetwork}, Ports: []int{m.protocol.port}},
		Policies: &sps.PolicyReferences{
			ChannelPolicy: nullable(keys, fieldChannel), Settings: nullable(keys, fieldSettings),
			AuditPolicy: nullable(keys, fieldAudit),
		},
	})
	if err != nil {
		return nil, err
	}
	forms, err := sps.ToBody(m.protocol.formDefaults(obj, m.commonFormDefaults(obj.CommonSpec())))
	if err != nil {
		return nil, err
	}
	return sps.Overlay(sps.Overlay(m.protocol.defaults(), common, nil), managed, forms), nil
}

// commonFormDefaults are the defaults within the forms of unions that the spec chooses and the appliance's defaults do
// not.
func (m mapping[T]) commonFormDefaults(spec *pamv1alpha1.ConnectionPolicySpec) sps.ConnectionPolicy {
	var out sps.ConnectionPolicy
	if a := spec.ServerAddress; a != nil && a.Type == pamv1alpha1.ServerAddressFixed {
		out.ServerAddress = &sps.ServerAddress{Selection: sps.ServerAddressFixed, Port: new(m.protocol.port)}
	}
	if w := spec.WebGatewayAuthentication; w != nil && w.Mode == pamv1alpha1.ModeEnabled {
		out.WebGatewayAuthentication = &sps.WebGatewayAuthentication{
			Enabled: true, Groups: []string{}, RequireSameIP: new(false),
		}
	}
	return out
}
