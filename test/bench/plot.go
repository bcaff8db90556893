// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"time"
)

// Positions of the charts in a picture, in pixels.
const (
	chartBottom = 220
	chartTop    = 32
	chartLeft   = 56
	chartRight  = pictureWidth - 16
	chartMiddle = pictureWidth / 2
)

// draw writes the picture: on the left the time per object, on the right how long each transaction held the lock.
func (r report) draw(file string) error {
	p := newPicture()
	r.drawTimes(p)
	r.drawHolds(p)
	return p.write(file)
}

// drawTimes compares both sides on a logarithmic axis.
func (r report) drawTimes(p *picture) {
	c := chart{
		picture: p, title: "Time per object",
		x: axis{from: chartLeft, to: chartMiddle - 24, least: -0.6, most: 1.6},
		y: axis{
			name: "milliseconds, logarithmic", from: chartBottom, to: chartTop, least: 1, most: 10_000, logarithmic: true,
			ticks: []float64{1, 10, 100, 1000, 10_000},
		},
	}
	c.frame()
	for i, side := range []struct {
		name, color string
		value       float64 // milliseconds
	}{
		{fmt.Sprintf("operator, %d", r.policies), oursColor, r.oursEach * 1000},
		{fmt.Sprintf("plain, %d", r.plain), plainColor, r.plainEach * 1000},
	} {
		const width = 0.5 // of the distance between two bars
		at := float64(i)
		left, right, top := c.x.at(at-width/2), c.x.at(at+width/2), c.y.at(side.value)
		fmt.Fprintf(p, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n",
			left, top, right-left, c.y.from-top, side.color)
		p.text(c.x.at(at), top-5, "middle", fmt.Sprintf("%.1f ms", side.value))
		p.text(c.x.at(at), c.y.from+16, "middle", side.name)
	}
}

// drawHolds shows every transaction against what the appliance itself needs for it.
func (r report) drawHolds(p *picture) {
	furthest, longest := hold{writes: 1}, time.Second
	for _, h := range r.holds {
		furthest.writes, longest = max(furthest.writes, h.writes), max(longest, h.took)
	}
	longest = max(longest, furthest.least(r.options))
	c := chart{
		picture: p, title: "Lock held by each transaction",
		x: upTo(float64(furthest.writes), "writes", chartMiddle+chartLeft, chartRight),
		y: upTo(1.25*longest.Seconds(), "seconds", chartBottom, chartTop), // with room for the legend
	}
	c.frame()
	c.line(plainColor, 1, c.at(0, r.commitDelay.Seconds()),
		c.at(float64(furthest.writes), furthest.least(r.options).Seconds()))
	for _, h := range r.holds {
		c.dot(oursColor, c.at(float64(h.writes), h.took.Seconds()))
	}
	const legend = chartMiddle + chartLeft + 12
	c.dot(oursColor, point{legend + 10, chartTop + 8})
	c.text(legend+28, chartTop+12, "start", "measured")
	c.line(plainColor, 1, point{legend, chartTop + 24}, point{legend + 20, chartTop + 24})
	c.text(legend+28, chartTop+28, "start", "writes + 1 commit")
}

// drawSessions writes the picture of the sessions: the share of them that had its connection data within a given time
// after the server had made them active.
func (r report) drawSessions(file string) error {
	longest := max(slices.Max(r.oursWaits), slices.Max(r.scriptWaits))
	c := chart{
		picture: newPicture(), title: "Active sessions whose connection data is available",
		x: upTo(longest.Seconds(), "seconds since the session became active", chartLeft, chartRight),
		y: axis{name: "percent", from: chartBottom, to: chartTop, most: 100, ticks: []float64{0, 25, 50, 75, 100}},
	}
	c.frame()
	for _, side := range []struct {
		name, color string
		waits       []time.Duration
	}{
		{"operator, polls every " + r.starting.String(), oursColor, r.oursWaits},
		{"script, polls every " + r.scriptInterval.String(), plainColor, r.scriptWaits},
	} {
		line := shares(side.waits)
		for i, share := range line {
			line[i] = c.at(share.x, share.y)
		}
		c.line(side.color, 2, line...)
		const beside = 40 // percentages with a labelled line
		name := c.at(quantile(side.waits, beside/100.).Seconds(), beside)
		c.text(name.x+10, name.y+12, "start", side.name)
	}
	return c.write(file)
}

// shares are the percentiles of the values, in seconds.
func shares(values []time.Duration) []point {
	out := []point{{}}
	for percent := 1; percent <= 100; percent++ {
		out = append(out, point{quantile(values, float64(percent)/100).Seconds(), float64(percent)})
	}
	return out
}
