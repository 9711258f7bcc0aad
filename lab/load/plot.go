package load

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// The plots are SVG that report.html draws from these numbers, in a box of plotWidth by plotHeight units.
const (
	plotWidth  = 640.0
	plotHeight = 220.0

	colors = 6 // number of colours in report.html
)

// plot is a diagram of lines over one axis.
type plot struct {
	Title string
	Note  string
	Lines []line
	X, Y  []tick
}

// line is one curve in a plot.
type line struct {
	Name   string
	Path   string // of an SVG path
	Number int    // selects its colour
	Last   string // its last or highest value, for people
}

// tick is a mark on an axis.
type tick struct {
	At    float64
	Label string
}

// axis maps the values from low to high to a length. The low end of a logarithmic axis is above 0.
type axis struct {
	low, high   float64
	length      float64
	logarithmic bool
}

func (a axis) at(value float64) float64 {
	share := (value - a.low) / (a.high - a.low)
	if a.logarithmic {
		share = math.Log(max(value, a.low)/a.low) / math.Log(a.high/a.low)
	}
	return a.length * min(max(share, 0), 1)
}

// ticks returns round values: powers of ten on a logarithmic axis, else about five in steps of 1, 2 or 5.
func (a axis) ticks(label func(float64) string) []tick {
	var all []tick
	if a.logarithmic {
		for v := a.low; v <= a.high*1.0001; v *= 10 {
			all = append(all, tick{a.at(v), label(v)})
		}
		return all
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/2)))
	for _, factor := range []float64{1, 2, 5} {
		if (a.high-a.low)/(step*factor) <= 6 {
			step *= factor
			break
		}
	}
	for v := math.Ceil(a.low/step) * step; v <= a.high*1.0001; v += step {
		all = append(all, tick{a.at(v), label(v)})
	}
	return all
}

// powers returns a logarithmic axis whose ends are powers of ten around the values.
func powers(low, high, length float64) axis {
	low = math.Pow(10, math.Floor(math.Log10(max(low, 0.01))))
	high = math.Pow(10, math.Ceil(math.Log10(max(high, low*1.001))))
	return axis{low, high, length, true}
}

func upTo(high, length float64) axis { return axis{0, max(high*1.05, 1), length, false} }

// place is a point of a curve.
type place struct{ x, y float64 }

// course returns the line through points.
func course(name string, number int, x, y axis, last string, points []place) line {
	var path strings.Builder
	for i, p := range points {
		fmt.Fprintf(&path, "%c%.1f %.1f", "ML"[min(i, 1)], x.at(p.x), plotHeight-y.at(p.y))
	}
	return line{name, path.String(), number % colors, last}
}

// plots are the diagrams of a trial.
func (t Trial) plots(kinds []Kind) []plot {
	if len(t.Intervals) == 0 {
		return nil
	}
	plots := []plot{t.latencyOverTime(), t.latencyByKind(kinds), t.rates(), t.percentileCurve()}
	if t.All.Failed() > 0 {
		plots = append(plots, t.errorsOverTime())
	}
	return plots
}

func (t Trial) timeAxis() axis {
	return axis{0, max(1, t.Intervals[len(t.Intervals)-1].At), plotWidth, false}
}

func seconds(v float64) string { return fmt.Sprintf("%g s", v) }

// overTime makes a line for each of the values that an interval has.
func (t Trial) overTime(title, note string, y axis, label, mark func(float64) string, of map[string]func(Interval) float64, order []string) plot {
	x := t.timeAxis()
	p := plot{Title: title, Note: note, X: x.ticks(seconds), Y: flipped(y.ticks(mark))}
	for number, name := range order {
		var points []place
		highest := 0.0
		for _, i := range t.Intervals {
			if v := of[name](i); !y.logarithmic || v > 0 {
				points = append(points, place{i.At, v})
				highest = max(highest, v)
			}
		}
		p.Lines = append(p.Lines, course(name, number, x, y, "at most "+label(highest), points))
	}
	return p
}

// flipped turns ticks upside down, because SVG counts from the top.
func flipped(ticks []tick) []tick {
	for i := range ticks {
		ticks[i].At = plotHeight - ticks[i].At
	}
	return ticks
}

func (t Trial) latencyOverTime() plot {
	low, high := math.Inf(1), 0.0
	for _, i := range t.Intervals {
		if i.P50 > 0 {
			low = min(low, i.P50)
		}
		high = max(high, i.Max)
	}
	return t.overTime("Latency over time", "from the intended start to the end of the answer, warm-up included", powers(min(low, high), high, plotHeight), duration, shortly,
		map[string]func(Interval) float64{
			"p50": func(i Interval) float64 { return i.P50 },
			"p99": func(i Interval) float64 { return i.P99 },
			"max": func(i Interval) float64 { return i.Max },
		}, []string{"p50", "p99", "max"})
}

func (t Trial) latencyByKind(kinds []Kind) plot {
	low, high := math.Inf(1), 0.0
	of := map[string]func(Interval) float64{}
	var order []string
	for _, kind := range kinds {
		if _, asked := t.Kinds[kind]; !asked {
			continue
		}
		order = append(order, string(kind))
		of[string(kind)] = func(i Interval) float64 { return i.KindP99[string(kind)] }
		for _, i := range t.Intervals {
			if v := i.KindP99[string(kind)]; v > 0 {
				low, high = min(low, v), max(high, v)
			}
		}
	}
	return t.overTime("p99 by kind of request", "from the intended start to the end of the answer, warm-up included", powers(min(low, high), high, plotHeight), duration, shortly, of, order)
}

func (t Trial) rates() plot {
	high := 0.0
	for _, i := range t.Intervals {
		high = max(high, i.Intended, i.Answered)
	}
	return t.overTime("Rate", "requests a second, warm-up included", upTo(high, plotHeight), perSecond, perSecond, map[string]func(Interval) float64{
		"intended": func(i Interval) float64 { return i.Intended },
		"answered": func(i Interval) float64 { return i.Answered },
	}, []string{"intended", "answered"})
}

// shortly formats milliseconds that are a power of ten.
func shortly(ms float64) string {
	switch {
	case ms < 1:
		return fmt.Sprintf("%.4g µs", ms*1000)
	case ms < 1000:
		return fmt.Sprintf("%.4g ms", ms)
	default:
		return fmt.Sprintf("%.4g s", ms/1000)
	}
}

func perSecond(v float64) string { return fmt.Sprintf("%.0f/s", v) }

func (t Trial) errorsOverTime() plot {
	high := 1.0
	names := map[string]bool{}
	of := map[string]func(Interval) float64{}
	for _, i := range t.Intervals {
		for name, n := range i.Errors {
			names[name] = true
			of[name] = func(i Interval) float64 { return float64(i.Errors[name]) }
			high = max(high, float64(n))
		}
	}
	count := func(v float64) string { return fmt.Sprintf("%.0f", v) }
	return t.overTime("Errors by kind", "in each interval", upTo(high, plotHeight), count, count, of, slices.Sorted(maps.Keys(names)))
}

// percentileCurve shows the share of the answers that took at most so long, with as much room between 99 and
// 99.9 % as between 90 and 99 %.
func (t Trial) percentileCurve() plot {
	rarest := 10.0
	for _, p := range t.Distribution {
		if p.Share < 1 {
			rarest = max(rarest, 1/(1-p.Share))
		}
	}
	x := powers(1, rarest, plotWidth)
	y := powers(t.Distribution[0].Upto, t.All.Latency.Max, plotHeight)
	var points []place
	for _, p := range t.Distribution {
		rarity := x.high
		if p.Share < 1 {
			rarity = 1 / (1 - p.Share)
		}
		points = append(points, place{rarity, p.Upto})
	}
	share := func(rarity float64) string { return fmt.Sprintf("%.6g %%", 100-100/rarity) }
	return plot{
		Title: "Percentiles", Note: "share of the answers that took at most so long", X: x.ticks(share), Y: flipped(y.ticks(shortly)),
		Lines: []line{course("all requests", 0, x, y, "p99.9 "+duration(t.All.Latency.P999), points)},
	}
}
