// SPDX-License-Identifier: Apache-2.0

package session

import (
	"testing"
	"time"
)

func TestASessionIsBelievedToBeAbsentAtTheSecondLookInARow(t *testing.T) {
	const wait = 5 * time.Second
	m, now := newMemory(), noon
	if m.isAbsent("uid", now, wait) {
		t.Error("it is believed at the first look")
	}
	if m.isAbsent("uid", now.Add(time.Second), wait) {
		t.Error("it is believed before the second look is due")
	}
	m.isPresent("uid")
	if m.isAbsent("uid", now.Add(time.Hour), wait) {
		t.Error("it was there in between")
	}
	if !m.isAbsent("uid", now.Add(time.Hour+wait), wait) {
		t.Error("it is not believed at the second look")
	}
}

func TestARequestIsUnansweredSinceItsMarkWasFirstSeen(t *testing.T) {
	m := newMemory()
	for _, later := range []time.Duration{0, time.Minute, time.Hour} {
		if got := m.unansweredSince("uid", noon.Add(later)); !got.Equal(noon) {
			t.Errorf("since %s, want %s", got, noon)
		}
	}
}

func TestWhatIsForgottenIsForgottenAsAWhole(t *testing.T) {
	m := newMemory()
	m.update("uid", func(known *memo) { *known = memo{written: "1", reserved: true, refusal: &refusal{unsent: true}} })
	m.update("other", func(known *memo) { known.written = "2" })
	if known := m.of("uid"); !known.isUnsent() {
		t.Errorf("got %+v", known)
	}
	m.forget("uid")
	if known := m.of("uid"); known != (memo{}) {
		t.Errorf("got %+v", known)
	}
	if len(m.memos) != 1 || m.of("other").written != "2" {
		t.Errorf("%d are left", len(m.memos))
	}
}
