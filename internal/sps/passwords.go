// SPDX-License-Identifier: Apache-2.0

package sps

import "context"

// CreatePassword stores a password and returns the key by which a user refers to it. The object serves one user, once
// (docs/vendors/sps.md 7), and exists only within the transaction. The password never appears in an error, whatever the
// appliance quotes of the transaction, until the transaction has ended.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (key string, err error) {
	t.secrets = append(t.secrets, t.client.secrets.Pin(plain))
	return t.Create(ctx, Passwords, Body{"plain": plain})
}
