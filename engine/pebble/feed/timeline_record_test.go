package feed

import (
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
	"agora/feed/feedtest"
)

// decodeTimeline decodes all of a stored timeline. Ordinals stand for authors.
func decodeTimeline(data []byte) (timeline feed.Timeline, err error) {
	h, w, err := decodeHeader(data)
	timeline.Base, timeline.Floor = h.base, h.floor
	for w.next() {
		timeline.Entries = append(timeline.Entries, feed.Entry{Post: w.entry.post, Author: feed.UserID{0: 7, 15: byte(w.entry.author)}, At: w.entry.at})
	}
	if w.damaged {
		err = errDamaged
	}
	return timeline, err
}

// TestUniteAgreesWithMerge compares the merge of encoded timelines with that of the feed.
func TestUniteAgreesWithMerge(t *testing.T) {
	authors := map[feed.UserID]uint32{}
	for n := range byte(10) {
		authors[id(7, n)] = uint32(n)
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := feedtest.DrawTimeline(r), feedtest.DrawTimeline(r)
		trim := rapid.SampledFrom([]feed.Trim{feedtest.Trim, never}).Draw(r, "trim")
		got, err := unite([]byte("before"), appendTimeline(nil, a, never, authors), appendTimeline(nil, b, never, authors), trim)
		if err != nil || string(got[:6]) != "before" {
			r.Fatalf("unite = %x, %v", got, err)
		}
		timeline, err := decodeTimeline(got[6:])
		want := a.Merge(b, trim)
		if len(want.Entries) == 0 {
			want.Entries = nil
		}
		if err != nil || !reflect.DeepEqual(timeline, want) {
			r.Fatalf("unite = %v, %v; Merge says %v", timeline, err, want)
		}
	})
}
