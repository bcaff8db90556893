// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var dashboardFile = filepath.Join(root, "config", "grafana", "pam-operator.json")

// panel is what the tests look at.
type panel struct {
	ID         *int        `json:"id"`
	Type       string      `json:"type"`
	Title      string      `json:"title"`
	Datasource *datasource `json:"datasource"`
	GridPos    struct{ X, Y, W, H int }
	Targets    []struct {
		Expr, RefID string
		Datasource  *datasource
	}
}

type datasource struct{ Type, UID string }

func dashboardContent(t *testing.T) []byte {
	t.Helper()
	content, err := os.ReadFile(dashboardFile)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func panels(t *testing.T) []panel {
	t.Helper()
	var file struct{ Panels []panel }
	if err := json.Unmarshal(dashboardContent(t), &file); err != nil {
		t.Fatal(err)
	}
	return file.Panels
}

// TestTheDashboardIsThatOfAnyGrafana 11 and newer: an export has the id of its installation.
func TestTheDashboardIsThatOfAnyGrafana(t *testing.T) {
	var d struct {
		ID            *int
		UID           string
		SchemaVersion int
	}
	if err := json.Unmarshal(dashboardContent(t), &d); err != nil {
		t.Fatal(err)
	}
	if d.ID != nil || d.UID != "pam-operator" || d.SchemaVersion != 39 {
		t.Errorf("id %v, uid %q, schemaVersion %d: want none, pam-operator, 39", d.ID, d.UID, d.SchemaVersion)
	}
}

// TestTheDashboardKnowsTheRunbook: a panel links each reason to its entry, by a table of the entries' anchors.
func TestTheDashboardKnowsTheRunbook(t *testing.T) {
	runbook, err := os.ReadFile(filepath.Join(root, "docs", "runbook.md"))
	if err != nil {
		t.Fatal(err)
	}
	compact := strings.Join(strings.Fields(string(dashboardContent(t))), "")
	entries := regexp.MustCompile("(?m)^### `([A-Za-z]+)`$").FindAllStringSubmatch(string(runbook), -1)
	if len(entries) == 0 {
		t.Fatal("the runbook has no entries")
	}
	for _, entry := range entries {
		if want := `"` + entry[1] + `":{"text":"` + strings.ToLower(entry[1]) + `"}`; !strings.Contains(compact, want) {
			t.Errorf("no panel leads from %s to its entry in the runbook", entry[1])
		}
	}
}

// TestEveryPanelAsksTheChosenSource is for those who have more than one Prometheus.
func TestEveryPanelAsksTheChosenSource(t *testing.T) {
	chosen := datasource{"prometheus", "${datasource}"}
	for _, p := range panels(t) {
		if p.ID != nil {
			t.Errorf("%s: has the id of some installation", p.Title)
		}
		if p.Type == "row" {
			continue
		}
		if p.Datasource == nil || *p.Datasource != chosen || len(p.Targets) == 0 {
			t.Errorf("%s: %d targets, of %v", p.Title, len(p.Targets), p.Datasource)
		}
		refIDs := map[string]bool{"": true}
		for _, target := range p.Targets {
			if refIDs[target.RefID] {
				t.Errorf("%s: two targets with refId %q, or one without", p.Title, target.RefID)
			}
			refIDs[target.RefID] = true
			if target.Datasource == nil || *target.Datasource != chosen {
				t.Errorf("%s: a target asks %v", p.Title, target.Datasource)
			}
			if strings.Contains(target.Expr, "pam_") && !strings.Contains(target.Expr, `cluster=~"$cluster"`) {
				t.Errorf("%s: not restricted to the cluster: %s", p.Title, target.Expr)
			}
		}
	}
}

// TestPanelsFillTheirRows is for the eye: no gap and no overlap.
func TestPanelsFillTheirRows(t *testing.T) {
	const width = 24
	taken := map[[2]int]string{}
	for _, p := range panels(t) {
		if p.GridPos.X+p.GridPos.W > width || p.GridPos.W == 0 || p.GridPos.H == 0 {
			t.Errorf("%s: at %+v", p.Title, p.GridPos)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" {
					t.Fatalf("%s lies on %s", p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
	bottom := 0
	for cell := range taken {
		bottom = max(bottom, cell[1]+1)
	}
	if gaps := bottom*width - len(taken); gaps != 0 {
		t.Errorf("%d of %d cells are empty", gaps, bottom*width)
	}
}
