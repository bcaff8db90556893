// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"fmt"
	"time"
)

// requestTimeFormat is the format of times in requests (docs/vendors/nps.md 4.1).
const requestTimeFormat = "2006-01-02T15:04:05Z"

// maxYear is the latest year whose times can be stored whatever is added to them.
const maxYear = 9000

// Time is a time as NPS writes it: ISO 8601 in UTC with up to seven fractional digits, with or without a zone, or null,
// which is the zero time (docs/vendors/nps.md 5.1).
type Time struct{ time.Time }

// UnmarshalJSON decodes any of these forms; a time without a zone is UTC.
func (t *Time) UnmarshalJSON(data []byte) error {
	var text *string
	if err := json.Unmarshal(data, &text); err != nil {
		return fmt.Errorf("a time is not a string: %w", err)
	}
	t.Time = time.Time{}
	if text == nil || *text == "" {
		return nil
	}
	// A layout's seconds also match a fraction that follows them.
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05"} {
		if parsed, err := time.Parse(layout, *text); err == nil {
			if parsed = parsed.UTC(); parsed.Year() < 1 || parsed.Year() > maxYear {
				break // cannot be formatted again
			}
			t.Time = parsed
			return nil
		}
	}
	return fmt.Errorf("%.40q is not a time", *text)
}
