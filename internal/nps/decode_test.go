// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatusDecodes(t *testing.T) {
	type facts struct {
		Status          Status
		Known, Terminal bool
	}
	tests := map[string]struct {
		wire string
		want facts
	}{
		"the negative code of approval":   {`-1`, facts{StatusApprovalRequired, true, false}},
		"zero, which is a state":          {`0`, facts{StatusPending, true, false}},
		"one":                             {`1`, facts{StatusActive, true, false}},
		"two":                             {`2`, facts{StatusCancelling, true, false}},
		"three":                           {`3`, facts{StatusComplete, true, true}},
		"four":                            {`4`, facts{StatusFailed, true, true}},
		"five":                            {`5`, facts{StatusCancelled, true, true}},
		"six":                             {`6`, facts{StatusApprovalDenied, true, true}},
		"seven":                           {`7`, facts{StatusApprovalFailed, true, true}},
		"a name":                          {`"Active"`, facts{StatusActive, true, false}},
		"a name in other letters":         {`"approvalREQUIRED"`, facts{StatusApprovalRequired, true, false}},
		"a number in quotes":              {`"3"`, facts{StatusComplete, true, true}},
		"a number with a fraction of 0":   {`1.0`, facts{StatusActive, true, false}},
		"such a number in quotes":         {`"3.0"`, facts{StatusComplete, true, true}},
		"a number with a fraction stays":  {`1.5`, facts{Status("1.5"), false, false}},
		"an unknown number stays":         {`42`, facts{Status("42"), false, false}},
		"an unknown name stays":           {`"Paused"`, facts{Status("Paused"), false, false}},
		"null is neither known nor final": {`null`, facts{"", false, false}},
		"an object does not fail":         {`{"a":1}`, facts{Status(`{"a":1}`), false, false}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var got Status
			if err := json.Unmarshal([]byte(tt.wire), &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, facts{got, got.Known(), got.Terminal()}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if got.String() != string(got) {
				t.Errorf("shown as %q", got.String())
			}
		})
	}
}

func TestTimeDecodes(t *testing.T) {
	base := time.Date(2025, 3, 11, 18, 39, 30, 0, time.UTC)
	tests := map[string]struct {
		wire    string
		want    time.Time
		wantErr bool
	}{
		"with Z":               {`"2025-03-11T18:39:30Z"`, base, false},
		"without a zone":       {`"2025-03-11T18:39:30"`, base, false},
		"with an offset":       {`"2025-03-11T19:39:30+01:00"`, base, false},
		"with one digit":       {`"2025-03-11T18:39:30.5"`, base.Add(500 * time.Millisecond), false},
		"with seven digits":    {`"2025-03-11T18:39:30.1234567Z"`, base.Add(123456700), false},
		"null":                 {`null`, time.Time{}, false},
		"empty":                {`""`, time.Time{}, false},
		"a number":             {`5`, time.Time{}, true},
		"the form of a locale": {`"3/11/2025 6:39:30 PM"`, time.Time{}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := Time{base}
			err := json.Unmarshal([]byte(tt.wire), &got)
			if (err != nil) != tt.wantErr {
				t.Fatalf("error %v", err)
			}
			if err == nil && got.Time != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestDecodeText(t *testing.T) {
	tests := map[string]struct{ body, want string }{
		"a JSON string":                       {`"a\\b"`, `a\b`},
		"a JSON string with blanks around it": {" \"a\"\n", "a"},
		"bare text":                           {"a\r\nb", "a\r\nb"},
		"bare text that begins with a quote":  {`"half`, `"half`},
		"nothing":                             {"", ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := decodeText([]byte(tt.body)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzDecodeText(f *testing.F) {
	f.Add("secret")
	f.Add(`"`)
	f.Fuzz(func(t *testing.T, text string) {
		data, err := json.Marshal(text)
		if err != nil {
			t.Skip()
		}
		var want string
		if err := json.Unmarshal(data, &want); err != nil {
			t.Fatal(err)
		}
		if got := decodeText(data); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}

// TestSessionDecodes reads an answer in the shape of the vendor's sample, with its traps.
func TestSessionDecodes(t *testing.T) {
	const wire = `{
		"id":"b9fc22e3-7f30-4f81-b3cf-b17e5fcfd76c","status":0,"statusDescription":"Activity session created.",
		"createdDateTimeUtc":"2025-03-11T18:39:30.1234567Z","scheduledStartDateTimeUtc":"2025-03-11T18:39:30Z",
		"scheduledEndDateTimeUtc":"2025-03-12T14:39:30","actualStartDateTimeUtc":null,"actualEndDateTimeUtc":null,
		"activityId":"df059c1b","activity":{"id":"df059c1b","name":"Connect as Managed","activityType":0,"platform":null,
			"platformId":"43A54A6D-1BA3-4B98-A2EB-552E03C60766"},
		"managedResourceId":null,"managedResource":null,"credentialId":"4a711f90","accessControlPolicyId":"57bcb5e7",
		"activityConfiguration":{"maxSessionLength":1200,"sessionExtensionMinutes":30,"approvalTypeRequired":1},
		"proxySessions":[{"id":"p","type":"SSH","active":true,"startDateTimeUtc":"2025-03-11T18:40:00Z"}],
		"note":null,"ticket":null,"cancelledBy":null,"locked":false,"loginAccountName":"kevin-nps",
		"allowSessionExtension":true,"sessionExtensionCount":2,"sessionExtensionMinutes":30,"customFields":"[]"}`
	var got Session
	if err := json.Unmarshal([]byte(wire), &got); err != nil {
		t.Fatal(err)
	}
	want := Session{
		ID: testID, Status: StatusPending, StatusDescription: "Activity session created.",
		CreatedAt:      Time{time.Date(2025, 3, 11, 18, 39, 30, 123456700, time.UTC)},
		ScheduledStart: Time{time.Date(2025, 3, 11, 18, 39, 30, 0, time.UTC)},
		ScheduledEnd:   Time{time.Date(2025, 3, 12, 14, 39, 30, 0, time.UTC)},
		ActivityID:     "df059c1b",
		Activity: &Activity{
			ID: "df059c1b", Name: "Connect as Managed", Type: ActivityInteractive,
			PlatformID: "43A54A6D-1BA3-4B98-A2EB-552E03C60766",
		},
		CredentialID: "4a711f90", AccessPolicyID: "57bcb5e7",
		Profile:          &Profile{MaxSessionLength: 1200},
		LoginAccountName: "kevin-nps", AllowExtension: true, ExtensionCount: 2, ExtensionMinutes: 30,
		CustomFields: json.RawMessage(`"[]"`),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got.PlatformID() != PlatformLinux {
		t.Errorf("platform %q is not the activity's", got.PlatformID())
	}
}

func TestPlatforms(t *testing.T) {
	tests := map[string]struct {
		platform Platform
		want     bool
	}{
		"Windows":                      {Platform{ID: PlatformWindows}, true},
		"Active Directory in capitals": {Platform{ID: "D6A07D9C-4B2E-4430-8C5B-401724DCE933"}, true},
		"a copy of Windows":            {Platform{ID: "1", BasePlatformID: PlatformWindows}, true},
		"Linux":                        {Platform{ID: PlatformLinux}, false},
		"none":                         {Platform{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := tt.platform.IsRDP(); got != tt.want {
				t.Errorf("got %v", got)
			}
		})
	}
	inner := Session{
		Activity:        &Activity{PlatformID: PlatformLinux},
		ManagedResource: &ManagedResource{PlatformID: PlatformWindows},
	}
	if inner.PlatformID() != PlatformWindows {
		t.Error("the resource's platform does not come first")
	}
	if (Session{}).PlatformID() != "" {
		t.Error("an empty session has a platform")
	}
}
