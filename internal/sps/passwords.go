// SPDX-License-Identifier: Apache-2.0

package sps

import "context"

// CreatePassword stores a password and returns the key that a user refers to it by. The object serves one user, once
// (sps contract 7), and exists only with the transaction. The text never shows in an error.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (key string, err error) {
	t.client.secrets.Add(plain)
	return t.Create(ctx, Passwords, Body{"plain": plain})
}
