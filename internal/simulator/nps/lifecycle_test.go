// SPDX-License-Identifier: Apache-2.0

package nps

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// moment is the observed part of a session; times are minutes, 0 for none.
type moment struct {
	At             int
	Status         Status
	Started, Ended int
}

func minute(m int) time.Time { return labStart.Add(time.Duration(m) * time.Minute) }

func minuteOf(t time.Time) int {
	if t.IsZero() {
		return 0
	}
	return int(t.Sub(labStart) / time.Minute)
}

// lifecycles are sessions that are created at minute 0, provision for 2 minutes, end at minute 60 and take 3 minutes to
// end, each with one change.
var lifecycles = map[string]struct {
	change func(*lifecycle)
	want   []moment
}{
	"an ordinary session is provisioned, active, ending and complete": {
		change: func(*lifecycle) {},
		want: []moment{
			{0, Pending, 0, 0}, {1, Pending, 0, 0}, {2, Active, 2, 0}, {59, Active, 2, 0},
			{60, Cancelling, 2, 0}, {62, Cancelling, 2, 0}, {63, Complete, 2, 63}, {600, Complete, 2, 63},
		},
	},
	"a scheduled session starts to be provisioned at its start": {
		change: func(l *lifecycle) { l.start = minute(10) },
		want:   []moment{{1, Pending, 0, 0}, {11, Pending, 0, 0}, {12, Active, 12, 0}},
	},
	"an approval starts the provisioning": {
		change: func(l *lifecycle) { l.needsApproval, l.approved = true, minute(5) },
		want:   []moment{{0, ApprovalRequired, 0, 0}, {4, ApprovalRequired, 0, 0}, {5, Pending, 0, 0}, {7, Active, 7, 0}},
	},
	"an approval that nobody gives is waited for beyond the end": {
		change: func(l *lifecycle) { l.needsApproval = true },
		want:   []moment{{59, ApprovalRequired, 0, 0}, {100, ApprovalRequired, 0, 0}},
	},
	"an approval that nobody gives fails at the end if the switch says so": {
		change: func(l *lifecycle) { l.needsApproval, l.approvalExpires = true, true },
		want:   []moment{{59, ApprovalRequired, 0, 0}, {60, ApprovalFailed, 0, 60}},
	},
	"an approval after the end leads through the end": {
		change: func(l *lifecycle) { l.needsApproval, l.approved = true, minute(70) },
		want:   []moment{{69, ApprovalRequired, 0, 0}, {70, Cancelling, 0, 0}, {73, Complete, 0, 73}},
	},
	"a denial is final": {
		change: func(l *lifecycle) {
			l.needsApproval, l.verdict = true, &verdict{at: minute(4), status: ApprovalDenied}
		},
		want: []moment{{3, ApprovalRequired, 0, 0}, {4, ApprovalDenied, 0, 4}, {90, ApprovalDenied, 0, 4}},
	},
	"a request that is waiting for approval is cancelled at once": {
		change: func(l *lifecycle) { l.needsApproval, l.stop = true, &stop{minute(4), Complete} },
		want:   []moment{{3, ApprovalRequired, 0, 0}, {4, Cancelled, 0, 4}},
	},
	"ended by the requester while pending, it was never active": {
		change: func(l *lifecycle) { l.stop = &stop{minute(1), Complete} },
		want:   []moment{{0, Pending, 0, 0}, {1, Cancelling, 0, 0}, {4, Complete, 0, 4}},
	},
	"ended by an administrator while active, it is cancelled": {
		change: func(l *lifecycle) { l.stop = &stop{minute(30), Cancelled} },
		want:   []moment{{29, Active, 2, 0}, {30, Cancelling, 2, 0}, {33, Cancelled, 2, 33}},
	},
	"failed provisioning is final": {
		change: func(l *lifecycle) { l.provisioningError = "no route" },
		want:   []moment{{1, Pending, 0, 0}, {2, Failed, 0, 2}, {90, Failed, 0, 2}},
	},
	"ended before provisioning could fail, it does not fail": {
		change: func(l *lifecycle) { l.provisioningError, l.stop = "no route", &stop{minute(1), Complete} },
		want:   []moment{{1, Cancelling, 0, 0}, {4, Complete, 0, 4}},
	},
	"a task automation completes by itself": {
		change: func(l *lifecycle) { l.automation, l.runtime = true, 5*time.Minute },
		want:   []moment{{2, Active, 2, 0}, {6, Active, 2, 0}, {7, Cancelling, 2, 0}, {10, Complete, 2, 10}},
	},
	"provisioning that lasts longer than the session never gets active": {
		change: func(l *lifecycle) { l.provisioning = 2 * time.Hour },
		want:   []moment{{59, Pending, 0, 0}, {60, Cancelling, 0, 0}, {63, Complete, 0, 63}},
	},
	"set to active, it ends as scheduled": {
		change: func(l *lifecycle) { l.setStatus(minute(1), Active) },
		want:   []moment{{1, Active, 1, 0}, {60, Cancelling, 1, 0}},
	},
	"set to pending, it is stuck beyond its end": {
		change: func(l *lifecycle) { l.setStatus(minute(3), Pending) },
		want:   []moment{{3, Pending, 0, 0}, {600, Pending, 0, 0}},
	},
	"set to cancelling, it is stuck": {
		change: func(l *lifecycle) { l.setStatus(minute(3), Cancelling) },
		want:   []moment{{3, Cancelling, 2, 0}, {600, Cancelling, 2, 0}},
	},
	"set to a final state, it stays there": {
		change: func(l *lifecycle) { l.setStatus(minute(3), ApprovalFailed) },
		want:   []moment{{3, ApprovalFailed, 2, 3}, {600, ApprovalFailed, 2, 3}},
	},
}

func TestLifecycle(t *testing.T) {
	for name, tc := range lifecycles {
		t.Run(name, func(t *testing.T) {
			l := lifecycle{
				created: labStart, start: labStart, end: minute(60),
				provisioning: 2 * time.Minute, ending: 3 * time.Minute,
			}
			tc.change(&l)
			var got []moment
			for _, want := range tc.want {
				st := l.at(minute(want.At))
				got = append(got, moment{want.At, st.status, minuteOf(st.started), minuteOf(st.ended)})
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
		})
	}
}
