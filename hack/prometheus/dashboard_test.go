// SPDX-License-Identifier: Apache-2.0

package prometheus

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
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

// TestGrafanaKnowsEveryFieldOfTheDashboard decodes it with the types that are generated from Grafana's own schemas.
func TestGrafanaKnowsEveryFieldOfTheDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	// The library wants an id of each row, Grafana does not.
	content := bytes.ReplaceAll(dashboardContent(t), []byte(`"type": "row"`), []byte(`"id": 0, "type": "row"`))
	var d dashboard.Dashboard    //nolint:staticcheck // SA1019: the newer one needs Grafana 12
	var problems cog.BuildErrors // which the library returns even if there are none
	if err := d.UnmarshalJSONStrict(content); !errors.As(err, &problems) || len(problems) > 0 {
		t.Fatal(err)
	}
	if d.Id != nil || d.Uid == nil || *d.Uid != "pam-operator" || d.SchemaVersion != 39 {
		t.Errorf("id %v, uid %v, schemaVersion %d: want none, pam-operator, 39", d.Id, d.Uid, d.SchemaVersion)
	}
	var rows []string
	for _, p := range panels(t) {
		if p.Type == "row" {
			rows = append(rows, p.Title)
		}
	}
	if len(rows) != 7 {
		t.Errorf("rows %q, want seven", rows)
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
