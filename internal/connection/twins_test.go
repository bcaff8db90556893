// SPDX-License-Identifier: Apache-2.0

package connection

import (
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func TestTwoSightsOfAppliancesAreCompared(t *testing.T) {
	is := func(configuration string) sight { return sight{self: "sps.example.com", configuration: configuration} }
	tests := map[string]struct {
		before, other, after sight
		want                 likeness
	}{
		"equal while the first did not change":           {is("1"), is("1"), is("1"), alike},
		"another configuration, and the first is stable": {is("1"), is("2"), is("1"), different},
		"the first changed meanwhile":                    {is("1"), is("2"), is("2"), undecided},
		"the first changed away from the other":          {is("1"), is("1"), is("2"), undecided},
		"another name with the same configuration":       {is("1"), sight{"other", "1"}, is("1"), different},
		"no config_hash":                                 {is(""), is(""), is(""), undecided},
		"the other tells no config_hash":                 {is("1"), is(""), is("1"), undecided},
		"neither has a name or a certificate":            {sight{"", "1"}, sight{"", "1"}, sight{"", "1"}, undecided},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if got := compare(tt.before, tt.other, tt.after); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

// Whatever two appliances did before: those that were ever seen to differ are two, and those that were equal in one
// configuration only are not yet one.
func TestOneDifferenceIsEnough(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var known twins
		seen, apart := map[string]bool{}, false
		for _, at := range rapid.SliceOfN(rapid.IntRange(-1, 3), 0, 8).Draw(t, "configurations; -1 differs") {
			if at < 0 {
				known.note("b", "a", "", different)
				apart = true
				continue
			}
			configuration := strconv.Itoa(at)
			known.note("a", "b", configuration, alike)
			seen[configuration] = true
		}
		together, isApart := known.are("b", "a")
		if isApart != apart || together != (!apart && len(seen) > 1) {
			t.Errorf("together %v, apart %v, of %d configurations, apart %v", together, isApart, len(seen), apart)
		}
	})
}

func TestWhatIsKnownOfAddressesIsBounded(t *testing.T) {
	var known twins
	for i := range 3 * maxCouples {
		known.note("a", strconv.Itoa(i), "1", alike)
	}
	if len(known.pairs) > maxCouples {
		t.Errorf("%d are remembered", len(known.pairs))
	}
}
