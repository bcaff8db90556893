// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// maxRawValue bounds what is kept of an unknown value of an enumeration, in bytes.
const maxRawValue = 64

// decodeEnum decodes a value of an enumeration. NPS sends integers and documents names, so both are accepted, names
// ignoring case (docs/vendors/nps.md 6.1). An unknown value is kept as it came, for display; null is "".
func decodeEnum(data []byte, names map[int]string) string {
	raw := strings.TrimSpace(string(data))
	if raw == "null" {
		return ""
	}
	var text string
	if json.Unmarshal(data, &text) == nil {
		raw = strings.TrimSpace(text)
	}
	if code, err := strconv.ParseFloat(raw, 64); err == nil && code == math.Trunc(code) && math.Abs(code) < math.MaxInt32 {
		if name, ok := names[int(code)]; ok { // 1.0 counts as 1
			return name
		}
	}
	for _, name := range names {
		if strings.EqualFold(name, raw) {
			return name
		}
	}
	return rest.Shorten(raw, maxRawValue)
}
