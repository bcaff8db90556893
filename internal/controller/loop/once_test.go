// SPDX-License-Identifier: Apache-2.0

package loop

import "testing"

func TestOnce(t *testing.T) {
	var once Once[string]
	if !once.First("a") || once.First("a") || !once.First("b") {
		t.Error("each key has one first call")
	}
	once.Forget("a")
	if !once.First("a") || once.First("b") {
		t.Error("a key that was forgotten has another one, and no other key has")
	}
}
