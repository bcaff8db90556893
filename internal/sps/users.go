// SPDX-License-Identifier: Apache-2.0

package sps

// User is the part of a local user that we send (docs/vendors/sps.md 7). A nil member is not managed.
type User struct {
	Name *string `json:"name,omitempty"`
	// Password is the key returned by CreatePassword. The appliance refuses one that another user has.
	Password *string `json:"password,omitempty"`
}
