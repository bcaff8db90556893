// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// Units of Grafana.
const (
	unitSeconds = "s"
	unitRate    = "ops"
	unitBytes   = "bytes"
	unitShort   = "short"
	unitRatio   = "percentunit"
)

// Colours of Grafana's palette.
const (
	green  = "green"
	yellow = "yellow"
	orange = "orange"
	red    = "red"
	text   = "text"
)

// byResult is the legend of what is counted by its result.
const byResult = "{{result}}"

// query is one line of a panel, or several if the legend has labels.
type query struct{ legend, expr string }

// target is the query at a position in its panel.
func target(position int, q query) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().
		RefId(refID(position)).Datasource(source()).Expr(q.expr).LegendFormat(q.legend).Range()
}

// instant is for panels that show only the present.
func instant(position int, expr string) *prometheus.DataqueryBuilder {
	return prometheus.NewDataqueryBuilder().RefId(refID(position)).Datasource(source()).Expr(expr).Instant()
}

func refID(position int) string { return "ABCDEFGHIJ"[position : position+1] }

func graph(title, description, unit string, queries ...query) *timeseries.PanelBuilder {
	panel := timeseries.NewPanelBuilder().
		Title(title).Description(description).Datasource(source()).
		Unit(unit).Min(0).Span(8).Height(8).
		FillOpacity(10).ShowPoints(common.VisibilityModeNever).
		Legend(common.NewVizLegendOptionsBuilder().ShowLegend(true).
			DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).Calcs([]string{})).
		Tooltip(common.NewVizTooltipOptionsBuilder().
			Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	for i, q := range queries {
		panel.WithTarget(target(i, q))
	}
	return panel
}

// stacked is a graph whose lines add up to something.
func stacked(panel *timeseries.PanelBuilder) *timeseries.PanelBuilder {
	return panel.FillOpacity(40).Stacking(common.NewStackingConfigBuilder().Mode(common.StackingModeNormal))
}

// quantiles are lines of a histogram, by further labels.
func quantiles(metric, selector, legend, by string, of ...int) (out []query) {
	if by != "" {
		by += ", "
	}
	for _, percent := range of {
		out = append(out, query{fmt.Sprintf("p%d %s", percent, legend), fmt.Sprintf(
			"histogram_quantile(%.2f, sum by (%sle) (rate(%s_bucket{%s}[$__rate_interval])))",
			float64(percent)/100, by, metric, selector)})
	}
	return out
}

// number is a stat; the steps are the values from which on it has a colour.
func number(title, description, expr string, steps ...dashboard.Threshold) *stat.PanelBuilder {
	return stat.NewPanelBuilder().
		Title(title).Description(description).Datasource(source()).
		Span(3).Height(4).Orientation(common.VizOrientationAuto).
		ColorMode(common.BigValueColorModeBackground).GraphMode(common.BigValueGraphModeNone).
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"})).
		Thresholds(thresholds(steps...)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		WithTarget(instant(0, expr))
}

func thresholds(steps ...dashboard.Threshold) cog.Builder[dashboard.ThresholdsConfig] {
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(steps)
}

func base(colour string) dashboard.Threshold { return dashboard.Threshold{Color: colour} }

func from(value float64, colour string) dashboard.Threshold {
	return dashboard.Threshold{Value: &value, Color: colour}
}

// once is a gauge of the leader, by its labels. After a change of leader, two replicas may be seen for a moment.
func once(metric, selector, labels string) string {
	return `max by (` + labels + `) (` + metric + `{` + selector + `})`
}

// column is what a table shows of one query, under this heading.
type column struct {
	heading, expr string
	properties    []dashboard.DynamicConfigValue
}

// listing is a table with one row for each combination of labels; first are the labels that come first.
func listing(title, description string, first []string, columns ...column) *table.PanelBuilder {
	panel := table.NewPanelBuilder().
		Title(title).Description(description).Datasource(source()).
		Span(24).Height(8).Filterable(true).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"}))
	renamed, hidden := map[string]string{}, map[string]bool{"Time": true}
	for i, c := range columns {
		panel.WithTarget(instant(i, c.expr).Format(prometheus.PromQueryFormatTable))
		value := "Value #" + refID(i)
		if len(columns) == 1 {
			value = "Value"
		}
		if c.heading == "" {
			hidden[value] = true
			continue
		}
		renamed[value] = c.heading
		if len(c.properties) > 0 {
			panel.OverrideByName(c.heading, c.properties)
		}
	}
	index := map[string]int{}
	for i, label := range first {
		index[label] = i
	}
	return panel.
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": hidden, "renameByName": renamed, "indexByName": index,
		}})
}

// property is a setting of a column.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// words show numbers as words with a colour.
func words(of map[string]dashboard.ValueMappingResult) dashboard.ValueMapping {
	return dashboard.ValueMapping{ValueMap: &dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: of}}
}

func word(text, colour string) dashboard.ValueMappingResult {
	return dashboard.ValueMappingResult{Text: &text, Color: &colour}
}

// coloured are the properties of a column whose numbers are words.
func coloured(of map[string]dashboard.ValueMappingResult) []dashboard.DynamicConfigValue {
	return []dashboard.DynamicConfigValue{
		property("mappings", []dashboard.ValueMapping{words(of)}),
		property("custom.cellOptions", map[string]string{"type": "color-text"}),
	}
}
