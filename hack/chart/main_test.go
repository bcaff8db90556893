// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestTheTableHasARowForEachDescribedKey(t *testing.T) {
	got, err := table([]byte("# a licence\n\n# -- How many.\nreplicas: 2\nlog:\n  # -- How much,\n  # on two lines.\n" +
		"  level: \"1\"\n# -- What.\nlist: [{a: b}]\n# -- Nothing.\nnone: null\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := "| Key | Default | Description |\n|---|---|---|\n| `replicas` | `2` | How many. |\n" +
		"| `log.level` | `\"1\"` | How much, on two lines. |\n| `list` | `[{a: b}]` | What. |\n" +
		"| `none` | `null` | Nothing. |\n"
	if string(got) != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAKeyWithoutADescriptionIsNamed(t *testing.T) {
	_, err := table([]byte("log:\n  level: info\n"))
	if err == nil || !strings.Contains(err.Error(), "line 2 of values.yaml: log.level has no description") {
		t.Errorf("error %v", err)
	}
}

func TestTheTableReplacesTheOneBetweenTheMarks(t *testing.T) {
	got, err := insert([]byte("before\n"+begin+"old\n"+end+"after\n"), []byte("new\n"))
	if want := "before\n" + begin + "new\n" + end + "after\n"; err != nil || string(got) != want {
		t.Errorf("got %q, error %v, want %q", got, err, want)
	}
	if _, err := insert([]byte("before\n"), nil); err == nil {
		t.Error("a README without marks was accepted")
	}
}
