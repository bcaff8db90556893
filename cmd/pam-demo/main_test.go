// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pam-operator/pam-operator/internal/demo"
)

func TestParse(t *testing.T) {
	tests := map[string]struct {
		args []string
		want demo.Options
		fail string
	}{
		"nothing": {nil, demo.Options{Bin: "bin", Timeout: 2 * time.Minute}, ""},
		"everything": {
			[]string{"--once", "--keep", "--timeout=5s", "--bin=x"},
			demo.Options{Bin: "x", Timeout: 5 * time.Second, Once: true, Keep: true}, "",
		},
		"an argument":                {[]string{"once"}, demo.Options{}, `unexpected argument "once"`},
		"a flag that does not exist": {[]string{"--twice"}, demo.Options{}, "not defined"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, err := parse(tt.args, io.Discard)
			if tt.fail != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fail) {
					t.Errorf("error %v, want %q in it", err, tt.fail)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
