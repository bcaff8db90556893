// SPDX-License-Identifier: Apache-2.0

package main

import (
	"image/color"
	"slices"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// drawSessions writes the picture of the sessions: which share of them had its connection data how long after the
// server had made them active.
func (r report) drawSessions(file string) error {
	p := newPlot()
	p.Title.Text = "Active sessions whose connection data is there"
	p.X.Label.Text, p.Y.Label.Text = "seconds since the session became active", "percent"
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(wholeTicks), plot.TickerFunc(wholeTicks)
	p.Add(plotter.NewGrid())
	for _, side := range []struct {
		name  string
		waits []time.Duration
		color color.Color
	}{
		{"operator, polls every " + r.starting.String(), r.oursWaits, oursColor},
		{"script, polls every " + r.scriptInterval.String(), r.scriptWaits, plainColor},
	} {
		line, err := plotter.NewLine(shares(side.waits))
		if err != nil {
			return err
		}
		line.Color, line.Width = side.color, vg.Points(2)
		name, err := plotter.NewLabels(plotter.XYLabels{
			XYs:    plotter.XYs{{X: quantile(slices.Sorted(slices.Values(side.waits)), 0.4).Seconds(), Y: 40}},
			Labels: []string{side.name},
		})
		if err != nil {
			return err
		}
		name.TextStyle[0].Font = p.Legend.TextStyle.Font
		name.TextStyle[0].YAlign = draw.YTop
		name.Offset.X = vg.Points(8) // to the right of a line that rises
		p.Add(line, name)
	}
	p.X.Min, p.Y.Min, p.Y.Max = 0, 0, 100
	return writePicture(file, func(page draw.Canvas) { p.Draw(draw.Crop(page, 0, -gap/2, 0, 0)) })
}

// shares are, for each percent of the values, how large that many of them are at most, in seconds.
func shares(values []time.Duration) plotter.XYs {
	sorted := slices.Sorted(slices.Values(values))
	out := plotter.XYs{{X: 0, Y: 0}}
	for percent := 1; percent <= 100; percent++ {
		x := quantile(sorted, float64(percent)/100).Seconds()
		out = append(out, plotter.XY{X: x, Y: float64(percent)})
	}
	return out
}
