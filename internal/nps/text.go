// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"bytes"
	"encoding/json"
)

// decodeText reads an answer that is one text. It is documented as a JSON string, comes as bare text at times, and its
// Content-Type tells nothing (nps contract 1.1, 7.1). Bare text is kept to the last blank, because it may be a
// password.
func decodeText(body []byte) string {
	var text string
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte(`"`)) && json.Unmarshal(body, &text) == nil {
		return text
	}
	return string(body)
}
