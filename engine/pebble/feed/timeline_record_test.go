package feed

import (
	"testing"

	"pgregory.net/rapid"

	"agora/feed"
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
		authors[feed.UserID{0: 7, 15: n}] = uint32(n)
	}
	rapid.Check(t, func(r *rapid.T) {
		a, b := drawOperand(r).Timeline, drawOperand(r).Timeline
		trim := rapid.SampledFrom([]feed.Trim{modelTrim, never}).Draw(r, "trim")
		got, err := unite([]byte("before"), appendTimeline(nil, a, never, authors), appendTimeline(nil, b, never, authors), trim)
		if err != nil || string(got[:6]) != "before" {
			r.Fatalf("unite = %x, %v", got, err)
		}
		timeline, err := decodeTimeline(got[6:])
		want := a.Merge(b, trim)
		if len(want.Entries) == 0 {
			want.Entries = nil
		}
		same(r, "unite", timeline, want, err, nil)
	})
}
