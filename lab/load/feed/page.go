package feed

import (
	"bytes"

	"github.com/go-json-experiment/json"

	"agora/feed"
	verifyfeed "agora/lab/verify/feed"
)

// page is what a run needs of a page of a home timeline.
type page struct {
	Items []struct {
		ID string `json:"id"`
	} `json:"items"`
	Next string `json:"next"`
	Feed struct {
		State   feed.State `json:"state"`
		Skipped int        `json:"skipped"`
		AsOf    string     `json:"as_of"`
	} `json:"feed"`
}

// readPage reads a page with its items.
func readPage(body []byte) (page, bool) {
	var p page
	err := json.Unmarshal(body, &p)
	return p, err == nil && p.Feed.State != ""
}

// readEnd reads a page without its items, from the end of the text, which takes a small part of the time.
func readEnd(body []byte) (page, bool) {
	end := bytes.LastIndex(body, []byte(`],"next":`))
	if end < 0 {
		end = bytes.LastIndex(body, []byte(`],"feed":`))
	}
	if end < 0 {
		return readPage(body)
	}
	p, ok := readPage(append([]byte("{"), body[end+2:]...))
	if !ok {
		return readPage(body)
	}
	return p, true
}

// output returns what the history records of a page.
func (p page) output() verifyfeed.Output {
	out := verifyfeed.Output{
		Outcome: verifyfeed.OK, AsOf: p.Feed.AsOf, Next: p.Next, State: p.Feed.State, Skipped: p.Feed.Skipped,
		Items: make([]string, len(p.Items)),
	}
	for i, item := range p.Items {
		out.Items[i] = item.ID
	}
	return out
}

// has reports whether a post is on the page.
func (p page) has(post string) bool {
	for _, item := range p.Items {
		if item.ID == post {
			return true
		}
	}
	return false
}
