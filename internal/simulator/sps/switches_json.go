// SPDX-License-Identifier: Apache-2.0

package sps

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/pam-operator/pam-operator/internal/simulator/fault"
)

// plainSwitches has no methods, so that encoding/json handles it member by member.
type plainSwitches Switches

// switchesJSON is the JSON form: durations as text.
type switchesJSON struct {
	*plainSwitches
	WriteDelay  fault.Duration `json:"writeDelay"`
	CommitDelay fault.Duration `json:"commitDelay"`
}

func (s *Switches) wire() switchesJSON {
	return switchesJSON{(*plainSwitches)(s), fault.Duration(s.WriteDelay), fault.Duration(s.CommitDelay)}
}

// MarshalJSON writes durations as text.
func (s Switches) MarshalJSON() ([]byte, error) { return json.Marshal(s.wire()) }

// UnmarshalJSON keeps omitted members, and rejects unknown ones.
func (s *Switches) UnmarshalJSON(data []byte) error {
	w := s.wire()
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&w); err != nil {
		return err
	}
	s.WriteDelay, s.CommitDelay = time.Duration(w.WriteDelay), time.Duration(w.CommitDelay)
	return s.check()
}

// check rejects values that no appliance could have.
func (s *Switches) check() error {
	choices := map[string]struct {
		value   string
		allowed []string
	}{
		"aaPluginCollection":  {s.AAPluginCollection, []string{"plugins/aa", "policies/aa_plugin_instances"}},
		"analyticsCollection": {s.AnalyticsCollection, analyticsCollections},
		"changes":             {s.Changes, []string{ChangesObjects, ChangesCollections, ChangesNone}},
		"foreignLockAt":       {s.ForeignLockAt, []string{AtWrite, AtCommit}},
		"loginMethodsPath":    {s.LoginMethodsPath, []string{LoginTypes, LoginMethods}},
		"membersShape":        {s.MembersShape, []string{MembersNames, MembersKeys, MembersRefs}},
		"overlappingCommit": {s.OverlappingCommit, []string{
			OverlapRefuse, OverlapLastWriterWins, OverlapRefuseAnyChange,
		}},
		"remainingSeconds": {s.RemainingSeconds, []string{RemainingAlways, RemainingWhileOpen, RemainingNever}},
		"transactionShape": {s.TransactionShape, []string{ShapeTransaction, ShapeBody}},
	}
	for name, c := range choices {
		if !slices.Contains(c.allowed, c.value) {
			return fmt.Errorf("%s is %q, want one of %s", name, c.value, strings.Join(c.allowed, ", "))
		}
	}
	for _, what := range s.NormaliseSpelling {
		if !slices.Contains(Normalisations(), what) {
			return fmt.Errorf("normaliseSpelling has %q, want some of %s", what, strings.Join(Normalisations(), ", "))
		}
	}
	for name, status := range map[string]int{
		"lockStatus": s.LockStatus, "openStatus": s.OpenStatus, "reopenStatus": s.ReopenStatus,
		"emptyCommitStatus": s.EmptyCommitStatus,
	} {
		if status < 200 || status > 599 {
			return fmt.Errorf("%s is %d, want an HTTP status from 200 to 599", name, status)
		}
	}
	return nil
}
