// SPDX-License-Identifier: Apache-2.0

package main

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// Colours of bars, and of the line that they must not cross.
var (
	barColor   = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	limitColor = color.RGBA{R: 0xd6, G: 0x27, B: 0x28, A: 0xff}
)

// draw writes a bar for each row: its share of its limit. A row without a number has none.
func draw(rows []row, file string) error {
	p := plot.New()
	p.X.Label.Text = "share of the limit"
	p.X.Min, p.X.Max = 0, 1.05
	shares, names := plotter.Values{}, []string{}
	for _, r := range slices.Backward(rows) { // the first one on top
		share := r.Share
		if math.IsNaN(share) || math.IsInf(share, 0) {
			share = 0
		}
		p.X.Max = max(p.X.Max, 1.05*share)
		shares, names = append(shares, share), append(names, r.Scenario+": "+r.What)
	}
	bars, err := plotter.NewBarChart(shares, vg.Points(9))
	if err != nil {
		return err
	}
	bars.Horizontal, bars.Color, bars.LineStyle.Width = true, barColor, 0
	limit, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(rows)) - 0.5}})
	if err != nil {
		return err
	}
	limit.Color, limit.Width = limitColor, vg.Points(1.5)
	p.Add(plotter.NewGrid(), bars, limit)
	p.NominalY(names...)
	return p.Save(11*vg.Inch, vg.Length(len(rows))*0.21*vg.Inch+0.7*vg.Inch, file)
}
