// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/pam-operator/pam-operator/internal/rest"
)

// maxRawValue bounds what is kept of a value that is no member of its enumeration, in bytes.
const maxRawValue = 64

// decodeEnum reads a member of an enumeration. NPS writes integers and documents names, so both are read, names without
// regard to case (nps contract 6.1). A value that is no member is kept as it came, for people to see; null is "".
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
		if name, ok := names[int(code)]; ok { // 1.0 is 1, too
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
