// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestParseStatus(t *testing.T) {
	const text = "Name:\tmanager\nState:\tS (sleeping)\nPPid:\t4711\nVmHWM:\t  200 kB\nVmRSS:\t  100 kB\nThreads:\t9\n"
	got, err := parseStatus(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	want := status{name: "manager", parent: 4711, memory: memory{resident: 100 * 1024, peak: 200 * 1024}}
	if got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestParseStatusRefusesAnotherUnit(t *testing.T) {
	if _, err := parseStatus(strings.NewReader("VmRSS:\t100 MB\n")); err == nil {
		t.Error("no error")
	}
}
