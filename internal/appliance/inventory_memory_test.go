// SPDX-License-Identifier: Apache-2.0

package appliance

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pam-operator/pam-operator/internal/gate"
	"github.com/pam-operator/pam-operator/internal/rest"
	"github.com/pam-operator/pam-operator/internal/sps"
)

// things are records of which each takes about 1,300 bytes.
func things(n int) []sps.Record {
	out := make([]sps.Record, 0, n)
	for i := range n {
		out = append(out, thing(fmt.Sprintf("k%d", i), fmt.Sprintf("%0500d", i)))
	}
	return out
}

// counted is an inventory of a box with a limited share.
func counted(budget *rest.Budget, b *box, most int64) *Inventory {
	i := newInventory(b, nil)
	i.memory = budget.Share("", most, "spec.limits.maxResponseSize")
	return i
}

func TestWhatAnInventoryKeepsIsCounted(t *testing.T) {
	b := &box{hash: "h1", objects: things(10)}
	i := counted(rest.NewBudget(16<<20), b, 1<<20)
	names(t, i)
	whole := i.memory.Used()
	if whole < 10*1000 {
		t.Errorf("10 things count as %d bytes", whole)
	}
	if _, err := i.List(t.Context(), sps.Users); err != nil || i.memory.Used() < 2*whole-100 {
		t.Errorf("another collection does not count: %d bytes, %v", i.memory.Used(), err)
	}
	b.set("h2", things(5)...)
	i.committed("h1", "h2", []effect{wrote(things(11)[10]), deleted("k0"), deleted("k1")})
	if used := i.memory.Used(); used >= 2*whole || used < whole {
		t.Errorf("after a commit %d bytes are counted", used)
	}
	i.Forget()
	if used := i.memory.Used(); used != 0 {
		t.Errorf("%d bytes of what was thrown away are counted", used)
	}
}

func TestAnInventoryThatIsTooLargeIsNotReadAgainAndAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &box{hash: "h1", objects: things(100)}
		i := counted(rest.NewBudget(16<<20), b, 10_000)
		for range 1000 {
			_, err := i.List(t.Context(), sps.RDPConnections)
			if !rest.IsTooLarge(err) || !strings.Contains(err.Error(), "spec.limits.maxResponseSize") {
				t.Fatalf("got %v", err)
			}
		}
		if n := b.lists.Load(); n != 1 {
			t.Errorf("it was read %d times", n)
		}
		time.Sleep(tooLargeRetry + time.Second) //nolint:forbidigo // on a clock of its own
		_, _ = i.List(t.Context(), sps.RDPConnections)
		if n := b.lists.Load(); n != 2 {
			t.Errorf("later it was read %d times", n)
		}
		i.memory.SetMax(1 << 20)
		i.RetryTooLarge()
		if _, err := i.List(t.Context(), sps.RDPConnections); err != nil {
			t.Errorf("with a limit that was raised: %v", err)
		}
	})
}

// What a connection of another namespace keeps takes nothing away, and what has no room is not kept.
func TestAnInventoryWithoutRoomSaysSo(t *testing.T) {
	budget := rest.NewBudget(8 << 20)
	kept := counted(budget, &box{hash: "k", objects: things(1000)}, 1<<30)
	names(t, kept)
	for range 2 { // with the first, they have all that a namespace may have
		names(t, counted(budget, &box{hash: "n", objects: things(1000)}, 1<<30))
	}
	late := counted(budget, &box{hash: "l", objects: things(1000)}, 1<<30)
	if _, err := late.List(t.Context(), sps.RDPConnections); !errors.Is(err, rest.ErrBudget) {
		t.Errorf("got %v", err)
	}
	if !kept.Has(sps.RDPConnections) || late.memory.Used() != 0 {
		t.Error("another one was dropped for it, or it stays counted")
	}
	other := counted(budget, &box{hash: "o", objects: things(1000)}, 1<<30)
	other.memory = budget.Share("other", 1<<30, "")
	names(t, other)
}

func TestAnApplianceThatIsClosedHoldsNoMemory(t *testing.T) {
	budget := rest.NewBudget(16 << 20)
	client, err := sps.New(sps.Config{URL: "https://sps.example.com", Username: "operator", Password: "a-password"})
	if err != nil {
		t.Fatal(err)
	}
	a := New(Config{
		Client: client, Gate: gate.New(1), Memory: budget.Share("", 1<<20, "spec.limits.maxResponseSize"),
	})
	a.Configure(nil, 1<<10)
	if got := a.memory.Max(); got != 1<<10 {
		t.Errorf("the limit is %d", got)
	}
	if err := a.memory.Reserve(1000); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := budget.Share("", 1<<20, "").Reserve(1 << 20); err != nil {
		t.Errorf("its memory stays counted: %v", err)
	}
}
