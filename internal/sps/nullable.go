// SPDX-License-Identifier: Apache-2.0

package sps

import "encoding/json"

// NullableKey is the key of a policy, or "none" when it is empty, which is sent as null.
type NullableKey string

// MarshalJSON writes the key, or null.
func (k NullableKey) MarshalJSON() ([]byte, error) {
	if k == "" {
		return []byte("null"), nil
	}
	return json.Marshal(string(k))
}

// NullableName is a name where null means the appliance's own choice.
type NullableName = NullableKey

// NullableTexts is a list that is sent as null when it is empty.
type NullableTexts []string

// MarshalJSON writes the list, or null.
func (t NullableTexts) MarshalJSON() ([]byte, error) {
	if len(t) == 0 {
		return []byte("null"), nil
	}
	return json.Marshal([]string(t))
}
