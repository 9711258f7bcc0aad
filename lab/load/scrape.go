package load

import (
	"bufio"
	"bytes"
	"context"
	"iter"
	"net/http"
	"strconv"
	"strings"
)

// samples are the values of the servers' series, by name and labels, summed up over the servers.
type samples map[string]float64

// servers is the sample that counts the servers which were read.
const servers = "servers"

// scrape reads the metrics of all servers. It returns nil if one of them cannot be read, because a sum over the others
// would be too low.
func (l *load) scrape(ctx context.Context) samples {
	urls := l.Metrics
	if len(urls) == 0 {
		urls = []string{l.API.base + "/metrics"}
	}
	all := samples{}
	for _, url := range urls {
		asker := l.API
		if !strings.HasPrefix(url, l.API.base+"/") {
			asker.token = "" // a secret of the server under load; a listener for operators (ops.listen) asks for none
		}
		text, err := asker.fetch(ctx, http.MethodGet, url, nil)
		if err != nil {
			return nil
		}
		all.read(text)
		all[servers]++
	}
	return all
}

// read adds the samples of a text in the Prometheus format.
func (s samples) read(text []byte) {
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		space := strings.LastIndexByte(line, ' ')
		if space < 0 || line[0] == '#' {
			continue
		}
		if value, err := strconv.ParseFloat(line[space+1:], 64); err == nil {
			s[line[:space]] += value
		}
	}
}

// label returns the value of a label of a series, or "".
func label(series, name string) string {
	_, rest, _ := strings.Cut(series, name+`="`)
	value, _, _ := strings.Cut(rest, `"`)
	return value
}

// increases returns each series of a metric that grew between two readings, and by how much. A counter that is lower
// than before began again at 0, because its server did.
func increases(before, after samples, metric string) iter.Seq2[string, float64] {
	return func(yield func(string, float64) bool) {
		for series, value := range after {
			if name, _, _ := strings.Cut(series, "{"); name != metric {
				continue
			}
			if value >= before[series] {
				value -= before[series]
			}
			if value > 0 && !yield(series, value) {
				return
			}
		}
	}
}

// increase returns how much all series of a metric grew together.
func increase(before, after samples, metric string) float64 {
	var sum float64
	for _, grown := range increases(before, after, metric) {
		sum += grown
	}
	return sum
}
