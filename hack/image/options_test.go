// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"testing"
)

func TestWrongArgumentsAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		arguments string
		want      string
	}{
		"an unknown target":                   {"--layout=x --target=manger", "use one of manager, simulator"},
		"no output":                           {"", "either --layout or --rootfs"},
		"both outputs":                        {"--layout=x --rootfs=y", "either --layout or --rootfs"},
		"an archive without a layout":         {"--rootfs=y --arch=amd64 --archive=z", "--archive needs --layout"},
		"a folder for two architectures":      {"--rootfs=y", "one architecture"},
		"a name with a digest":                {"--layout=x --ref=a@sha256:" + strings.Repeat("0", 64), "give a tag"},
		"a name that is none":                 {"--layout=x --ref=UPPER", "--ref \"UPPER\""},
		"an argument that belongs to no flag": {"--layout=x y", "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := parse(strings.Fields(c.arguments), io.Discard); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestAWrongSourceDateIsRefused(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "yesterday")
	if _, err := parse([]string{"--layout=x"}, io.Discard); err == nil || !strings.Contains(err.Error(), "yesterday") {
		t.Errorf("got %v", err)
	}
}
