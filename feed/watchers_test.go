package feed

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestWatchersAreASetOfStreamsForEachAuthor(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		type link struct {
			author UserID
			stream uint32
		}
		w, want := newWatchers(), map[link]bool{}
		draw := func() link {
			return link{UserID{15: byte(rapid.IntRange(0, 3).Draw(r, "author"))}, rapid.Uint32Range(0, 5).Draw(r, "stream")}
		}
		most := 0
		r.Repeat(map[string]func(*rapid.T){
			"add": func(*rapid.T) {
				if l := draw(); !want[l] {
					w.add(l.author, l.stream)
					want[l] = true
				}
			},
			"remove": func(*rapid.T) {
				l := draw()
				if got := w.remove(l.author, l.stream); got != want[l] {
					r.Fatalf("remove of %v = %v", l, got)
				}
				delete(want, l)
			},
			"sweep": func(*rapid.T) {
				even := rapid.Uint32Range(0, 1).Draw(r, "rest")
				w.sweep(func(stream uint32) bool { return stream%2 == even })
				maps.DeleteFunc(want, func(l link, _ bool) bool { return l.stream%2 == even })
			},
			"": func(*rapid.T) {
				got := 0
				for author := range byte(4) {
					streams := slices.Collect(w.of(UserID{15: author}))
					got += len(streams)
					for stream := range uint32(6) {
						l := link{UserID{15: author}, stream}
						if w.has(l.author, stream) != want[l] || slices.Contains(streams, stream) != want[l] {
							r.Fatalf("%v is in %v, want %v", l, streams, want[l])
						}
					}
				}
				if most = max(most, len(want)); got != len(want) || len(w.links) != most {
					r.Fatalf("there are %d links in the memory of %d, want %d in %d", got, len(w.links), len(want), most)
				}
			},
		})
	})
}
