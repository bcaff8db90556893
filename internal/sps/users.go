// SPDX-License-Identifier: Apache-2.0

package sps

// User is what we send of a local user (sps contract 7). A nil member is not managed.
type User struct {
	Name *string `json:"name,omitempty"`
	// Password is the key that CreatePassword returned. The appliance refuses one that another user has.
	Password *string `json:"password,omitempty"`
}
