// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Measures of the picture.
const (
	pictureWidth  = 18 * vg.Centimeter
	pictureHeight = 7 * vg.Centimeter
	barWidth      = 0.5 // of the distance between two bars
	gap           = 0.6 * vg.Centimeter
)

var (
	oursColor  = color.RGBA{R: 0x1f, G: 0x77, B: 0xb4, A: 0xff}
	plainColor = color.RGBA{R: 0xd6, G: 0x6a, B: 0x1f, A: 0xff}
)

// draw writes the picture: on the left the time for each object, on the right how long each transaction held the lock.
func (r report) draw(file string) error {
	left, err := r.timePlot()
	if err != nil {
		return err
	}
	right, err := r.holdPlot()
	if err != nil {
		return err
	}
	return writePicture(file, func(page draw.Canvas) {
		half := pictureWidth / 2
		left.Draw(draw.Crop(page, 0, -half-gap, 0, 0))
		right.Draw(draw.Crop(page, half+gap, -gap/2, 0, 0))
	})
}

// writePicture writes a picture on white.
func writePicture(file string, paint func(page draw.Canvas)) error {
	canvas := vgsvg.New(pictureWidth, pictureHeight)
	page := draw.New(canvas)
	page.FillPolygon(color.White, page.ClipPolygonXY([]vg.Point{
		{X: 0, Y: 0}, {X: pictureWidth, Y: 0}, {X: pictureWidth, Y: pictureHeight}, {X: 0, Y: pictureHeight},
	}))
	paint(page)
	var picture bytes.Buffer
	if _, err := canvas.WriteTo(&picture); err != nil {
		return err
	}
	// A browser without this font takes one as wide.
	const family = "Liberation Sans"
	content := bytes.ReplaceAll(picture.Bytes(), []byte(family), []byte(family+",Arial,Helvetica,sans-serif"))
	return os.WriteFile(file, content, 0o644) //nolint:gosec // G306: documentation, for everybody to read
}

// decades are the ticks of the logarithmic axis.
var decades = plot.ConstantTicks{
	{Value: 1, Label: "1"}, {Value: 10, Label: "10"}, {Value: 100, Label: "100"}, {Value: 1000, Label: "1000"},
	{Value: 10_000, Label: "10000"},
}

// wholeTicks are the usual ones without decimals.
func wholeTicks(least, most float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(least, most)
	for i, t := range ticks {
		if t.Label != "" {
			ticks[i].Label = fmt.Sprintf("%.0f", t.Value)
		}
	}
	return ticks
}

// newPlot is an empty plot in a font whose widths every browser has in one of its own.
func newPlot() *plot.Plot {
	p := plot.New()
	for _, style := range []*text.Style{
		&p.Title.TextStyle, &p.X.Label.TextStyle, &p.Y.Label.TextStyle, &p.X.Tick.Label, &p.Y.Tick.Label, &p.Legend.TextStyle,
	} {
		style.Font = font.Font{Typeface: "Liberation", Variant: "Sans", Size: 9}
	}
	p.Title.TextStyle.Font.Size = 11
	p.Title.Padding, p.Y.Label.Padding, p.X.Label.Padding = vg.Points(8), vg.Points(5), vg.Points(3)
	p.Legend.Padding = vg.Points(3)
	return p
}

// timePlot compares both sides on a logarithmic axis.
func (r report) timePlot() (*plot.Plot, error) {
	p := newPlot()
	p.Title.Text = "Time for each object"
	p.Y.Label.Text = "milliseconds, logarithmic"
	p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, decades
	p.Y.Min, p.Y.Max = 1, 10_000
	sides := []struct {
		name  string
		value float64 // milliseconds
		color color.Color
	}{
		{fmt.Sprintf("operator, %d", r.policies), r.oursEach * 1000, oursColor},
		{fmt.Sprintf("plain, %d", r.plain), r.plainEach * 1000, plainColor},
	}
	for i, side := range sides {
		bar, err := plotter.NewPolygon(rectangle(float64(i), p.Y.Min, side.value))
		if err != nil {
			return nil, err
		}
		bar.Color, bar.Width = side.color, 0
		label, err := plotter.NewLabels(plotter.XYLabels{
			XYs: plotter.XYs{{X: float64(i), Y: side.value * 1.2}}, Labels: []string{fmt.Sprintf("%.1f ms", side.value)},
		})
		if err != nil {
			return nil, err
		}
		label.TextStyle[0].Font = p.X.Tick.Label.Font
		label.TextStyle[0].XAlign = draw.XCenter
		p.Add(bar, label)
	}
	p.NominalX(sides[0].name, sides[1].name)
	p.X.Min, p.X.Max = -0.6, 1.6
	return p, nil
}

// rectangle is a bar from one value to another; those of the library begin at zero, which a logarithmic axis lacks.
func rectangle(at, from, to float64) plotter.XYs {
	return plotter.XYs{
		{X: at - barWidth/2, Y: from}, {X: at + barWidth/2, Y: from},
		{X: at + barWidth/2, Y: to}, {X: at - barWidth/2, Y: to},
	}
}

// holdPlot shows every transaction against what the appliance itself needs for it.
func (r report) holdPlot() (*plot.Plot, error) {
	p := newPlot()
	p.Title.Text = "Lock held by each transaction"
	p.X.Label.Text, p.Y.Label.Text = "writes", "seconds"
	points, furthest := make(plotter.XYs, 0, len(r.holds)), 1
	for _, h := range r.holds {
		points = append(points, plotter.XY{X: float64(h.writes), Y: h.took.Seconds()})
		furthest = max(furthest, h.writes)
	}
	scatter, err := plotter.NewScatter(points)
	if err != nil {
		return nil, err
	}
	scatter.Color, scatter.Shape, scatter.Radius = oursColor, draw.CircleGlyph{}, vg.Points(3)
	least, err := plotter.NewLine(plotter.XYs{
		{X: 0, Y: r.commitDelay.Seconds()}, {X: float64(furthest), Y: hold{writes: furthest}.least(r.options).Seconds()},
	})
	if err != nil {
		return nil, err
	}
	least.Color = plainColor
	p.X.Tick.Marker, p.Y.Tick.Marker = plot.TickerFunc(wholeTicks), plot.TickerFunc(wholeTicks)
	p.Add(plotter.NewGrid(), least, scatter)
	p.Legend.Add("measured", scatter)
	p.Legend.Add("writes + 1 commit", least)
	p.Legend.Top, p.Legend.Left = true, true
	p.X.Min, p.Y.Min = 0, 0
	p.Y.Max *= 1.25 // room for the legend
	return p, nil
}
