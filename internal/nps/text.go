// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"bytes"
	"encoding/json"
)

// decodeText decodes an answer that is a single text. It is documented as a JSON string, sometimes comes as bare text,
// and its Content-Type is unreliable (docs/vendors/nps.md 1.1, 7.1). Bare text is kept including trailing blanks,
// because it may be a password.
func decodeText(body []byte) string {
	var text string
	if bytes.HasPrefix(bytes.TrimSpace(body), []byte(`"`)) && json.Unmarshal(body, &text) == nil {
		return text
	}
	return string(body)
}
