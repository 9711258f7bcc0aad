package app

import (
	"bytes"
	"fmt"
	"testing"

	"agora/feed"
)

// The measures of the figure, in its units.
const (
	panelWidth  = 300
	panelHeight = 128
	barHeight   = 22
	barBegin    = 62
	barLength   = 150
)

// panel is one measure of all strategies, as bars.
type panel struct {
	title string
	of    func(strategyCost) float64
	unit  string
}

var panels = []panel{
	{"processor time of a post", func(c strategyCost) float64 { return c.post }, "µs"},
	{"processor time of a read", func(c strategyCost) float64 { return c.read }, "µs"},
	{"a post and 100 reads", strategyCost.together, "ms"},
	{"written to disk a post", func(c strategyCost) float64 { return c.written }, "KB"},
	{"a stored timeline", func(c strategyCost) float64 { return c.stored }, "KB"},
	{"visible, p99, everyone's author", func(c strategyCost) float64 { return c.visible }, "ms"},
}

// drawStrategies returns an SVG with a panel for each measure.
func drawStrategies(users int, costs []strategyCost) []byte {
	var out bytes.Buffer
	const columns = 3
	width, height := columns*panelWidth, 40+(len(panels)+columns-1)/columns*panelHeight
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13" fill="#222">`+"\n", width, height)
	fmt.Fprintf(&out, `<rect width="%d" height="%d" fill="#fff"/><text x="16" y="26" font-size="15">%s users, 200 follows each: the same posts and reads under each strategy</text>`+"\n",
		width, height, thousands(users))
	for i, p := range panels {
		fmt.Fprintf(&out, `<g transform="translate(%d %d)"><text x="16" y="20" font-weight="bold">%s</text>`+"\n", i%columns*panelWidth, 40+i/columns*panelHeight, p.title)
		p.draw(&out, costs)
		out.WriteString("</g>\n")
	}
	out.WriteString("</svg>\n")
	return out.Bytes()
}

func (p panel) draw(out *bytes.Buffer, costs []strategyCost) {
	var most float64
	for _, c := range costs {
		most = max(most, p.of(c))
	}
	colors := map[feed.Strategy]string{feed.Push: "#b5651d", feed.Pull: "#4a78a8", feed.Hybrid: "#2e8b57"}
	for i, c := range costs {
		value, y := p.of(c), 30+i*(barHeight+6)
		length := 1.0
		if most > 0 {
			length = max(1, barLength*value/most)
		}
		fmt.Fprintf(out, `<text x="16" y="%d">%s</text><rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/><text x="%.1f" y="%d">%s %s</text>`+"\n",
			y+16, c.strategy, barBegin, y, length, barHeight, colors[c.strategy], barBegin+length+6, y+16, rounded(value), p.unit)
	}
}

// rounded returns a number with about three digits.
func rounded(v float64) string {
	switch {
	case v >= 100:
		return thousands(int(v + 0.5))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}

// thousands writes a number with a comma before each three digits.
func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1_020_003: "1,020,003"} {
		if got := thousands(n); got != want {
			t.Errorf("thousands(%d) = %s, want %s", n, got, want)
		}
	}
}
