// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"testing"
)

func TestOnlyAFullRunIsPublished(t *testing.T) {
	tests := map[string]struct {
		arguments []string
		want      bool
	}{
		"without arguments":                    {nil, true},
		"with a longer plain procedure":        {[]string{"-plain-full"}, true},
		"with its folders elsewhere":           {[]string{"-bin=x", "-keep"}, true},
		"with some of the scenarios":           {[]string{"-only=apply"}, false},
		"with another size":                    {[]string{"-idle=10"}, false},
		"with another delay of the appliance":  {[]string{"-commit-delay=1s"}, false},
		"with a size that is the standard one": {[]string{"-idle=10000"}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			o, err := parse(tt.arguments, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			if o.full != tt.want {
				t.Errorf("full is %t, want %t", o.full, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	for name, arguments := range map[string][]string{
		"a scenario that does not exist":      {"-only=apply,nothing"},
		"more refused changes than there are": {"-changes=1", "-refused=2"},
		"no policies":                         {"-policies=0"},
		"words":                               {"apply"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(arguments, io.Discard); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestScenariosAreInTheOrderOfTheTable(t *testing.T) {
	o, err := parse([]string{"-only=hold,apply"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if len(o.scenarios) != 2 || o.scenarios[0].name != "apply" || o.scenarios[1].name != "hold" {
		t.Errorf("picked %v", o.scenarios)
	}
}
