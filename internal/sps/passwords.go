// SPDX-License-Identifier: Apache-2.0

package sps

import "context"

// CreatePassword stores a password and returns the key that a user refers to it by. The object serves one user, once
// (sps contract 7), and exists only with the transaction. The text never
// shows in an error, whatever of the transaction the appliance quotes and until it has answered its end.
func (t *Transaction) CreatePassword(ctx context.Context, plain string) (key string, err error) {
	t.secrets = append(t.secrets, t.client.secrets.Hold(plain))
	return t.Create(ctx, Passwords, Body{"plain": plain})
}
