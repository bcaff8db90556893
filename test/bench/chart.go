// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"strings"
)

// Dimensions of a picture, in pixels.
const (
	pictureWidth  = 680
	pictureHeight = 265
	// picturePage begins a picture. Anything drawn without a style of its own is text.
	picturePage = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d"
	font-family="Liberation Sans,Arial,Helvetica,sans-serif" font-size="12">
<rect width="100%%" height="100%%" fill="white"/>
`
	gridColor  = "#cccccc"
	oursColor  = "#1f77b4"
	plainColor = "#d66a1f"
)

// picture is the SVG so far.
type picture struct{ bytes.Buffer }

func newPicture() *picture {
	p := &picture{}
	fmt.Fprintf(p, picturePage, pictureWidth, pictureHeight)
	return p
}

func (p *picture) write(file string) error {
	fmt.Fprintln(p, "</svg>")
	return os.WriteFile(file, p.Bytes(), 0o644) //nolint:gosec // G306: documentation, world-readable
}

// text writes one line; anchor is the part of it that is at x: start, middle or end.
func (p *picture) text(x, y float64, anchor, text string) {
	fmt.Fprintf(p, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n", x, y, anchor, text)
}

func (p *picture) line(color string, width float64, points ...point) {
	var path strings.Builder
	for _, at := range points {
		fmt.Fprintf(&path, "%.1f,%.1f ", at.x, at.y)
	}
	fmt.Fprintf(p, "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"%g\"/>\n",
		strings.TrimSpace(path.String()), color, width)
}

func (p *picture) dot(color string, at point) {
	fmt.Fprintf(p, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=\"%s\"/>\n", at.x, at.y, color)
}

// point is a place in a picture, or in a chart by its values.
type point struct{ x, y float64 }

// axis runs from the pixel from, at its smallest value, to the pixel to.
type axis struct {
	name        string
	from, to    float64
	least, most float64
	logarithmic bool
	ticks       []float64
}

func (a axis) at(value float64) float64 {
	share := (value - a.least) / (a.most - a.least)
	if a.logarithmic {
		share = math.Log(value/a.least) / math.Log(a.most/a.least)
	}
	return a.from + share*(a.to-a.from)
}

// upTo is a linear axis from 0, with about five round ticks.
func upTo(most float64, name string, from, to float64) axis {
	most = max(most, 1)
	step := math.Pow(10, math.Floor(math.Log10(most)))
	for step > most/4 && step > 1 {
		step /= 2
	}
	a := axis{name: name, from: from, to: to, most: most}
	for value := 0.0; value <= most; value += math.Ceil(step) {
		a.ticks = append(a.ticks, value)
	}
	return a
}

// chart is a part of a picture with axes.
type chart struct {
	*picture
	title string
	x, y  axis
}

func (c chart) at(x, y float64) point { return point{c.x.at(x), c.y.at(y)} }

// frame draws everything except the values.
func (c chart) frame() {
	middle := (c.x.from + c.x.to) / 2
	fmt.Fprintf(c, "<text x=\"%.1f\" y=\"20\" text-anchor=\"middle\" font-size=\"15\">%s</text>\n", middle, c.title)
	for _, tick := range c.y.ticks {
		y := c.y.at(tick)
		c.line(gridColor, 0.5, point{c.x.from, y}, point{c.x.to, y})
		c.text(c.x.from-6, y+4, "end", fmt.Sprint(tick))
	}
	for _, tick := range c.x.ticks {
		x := c.x.at(tick)
		c.line(gridColor, 0.5, point{x, c.y.from}, point{x, c.y.to})
		c.text(x, c.y.from+16, "middle", fmt.Sprint(tick))
	}
	c.text(middle, c.y.from+34, "middle", c.x.name)
	fmt.Fprintf(c, "<text transform=\"translate(%.1f,%.1f) rotate(-90)\" text-anchor=\"middle\">%s</text>\n",
		c.x.from-42, (c.y.from+c.y.to)/2, c.y.name)
	c.line("black", 1, point{c.x.from, c.y.to}, point{c.x.from, c.y.from}, point{c.x.to, c.y.from})
}
