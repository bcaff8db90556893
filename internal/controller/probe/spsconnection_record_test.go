// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/pam-operator/pam-operator/internal/appliance"
)

// The CRD requires a duration, and one of 0 is omitted.
func TestACommitHasADurationHoweverShortItWas(t *testing.T) {
	t.Parallel()
	for hold, want := range map[time.Duration]string{
		0: "1ms", 400 * time.Microsecond: "1ms", 1600 * time.Microsecond: "2ms", 3 * time.Second: "3s",
	} {
		record := recordOf(appliance.Commit{Time: time.Now(), Changes: 1, Hold: hold}, "https://sps.example.com")
		text, err := json.Marshal(record)
		if err != nil || !strings.Contains(string(text), `"duration":"`+want+`"`) {
			t.Errorf("%s: %s, %v, want %s", hold, text, err, want)
		}
	}
}
