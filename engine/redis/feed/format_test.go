package feed

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gotest.tools/v3/golden"
	"pgregory.net/rapid"

	"agora/feed"
)

// dump returns all that Redis has, one field or member a line.
func dump(t *testing.T, s *Timelines) string {
	t.Helper()
	keys, err := s.client.Keys(t.Context(), "*").Result()
	mustDo(t, err)
	slices.Sort(keys)
	var out strings.Builder
	for _, key := range keys {
		switch s.client.Type(t.Context(), key).Val() {
		case "list":
			values := s.client.LRange(t.Context(), key, 0, -1).Val()
			values[stampAt] = "random"
			for i, value := range values {
				fmt.Fprintf(&out, "%+q %d %+q\n", key, i, value)
			}
			continue
		case "zset":
			members, err := s.client.ZRangeWithScores(t.Context(), key, 0, -1).Result()
			mustDo(t, err)
			for _, m := range members {
				fmt.Fprintf(&out, "%+q %.0f %+q\n", key, m.Score, m.Member)
			}
			continue
		}
		fields, err := s.client.HGetAll(t.Context(), key).Result()
		mustDo(t, err)
		for _, name := range slices.Sorted(maps.Keys(fields)) {
			fmt.Fprintf(&out, "%+q %s %+q\n", key, name, fields[name])
		}
	}
	return out.String()
}

// TestTheStoredFormIsPinned pins keys and values. A changed form needs another prefix, so that no version of the program reads values
// of another one.
func TestTheStoredFormIsPinned(t *testing.T) {
	for form, file := range map[string]string{"packed, small": "packed.txt", "sorted sets": "sorted.txt"} {
		t.Run(form, func(t *testing.T) {
			s := connect(t, server.URL(t), form, never)
			h := head(258)
			mustDo(t, s.Begin(t.Context(), 0, h))
			timeline := feed.Timeline{Base: true, Floor: feed.PostID{5: 1, 15: 5}}
			for n := byte(4); n > 0; n-- {
				post := feed.PostID{4: n, 5: 9, 6: 4, 15: 7}
				timeline.Entries = append(timeline.Entries, feed.Entry{Post: post, Author: id(3, n%2), At: feed.At(2, int64(n)*300)})
			}
			fence := feed.Fence{Epoch: 258, Row: h.Rows[0]}
			mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{{User: id(1, 2), Timeline: timeline}}))
			for range 3 { // the second one lets the packed timeline be folded
				mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{{User: id(1, 2), Timeline: feed.Timeline{Entries: timeline.Entries[:1]}}}))
			}
			golden.Assert(t, dump(t, s), file)
			_, got, err := s.Read(t.Context(), id(1, 2), 0, last, 10)
			if err != nil || !reflect.DeepEqual(got, timeline) {
				t.Errorf("the stored timeline is decoded to %+v, %v; want %+v", got, err, timeline)
			}
		})
	}
}

// TestBlocksAreDecodedAsTheyWereEncoded encodes timelines with many authors, equal times and great positions.
func TestBlocksAreDecodedAsTheyWereEncoded(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := block{more: rapid.Bool().Draw(r, "more")}
		want.Base = rapid.Bool().Draw(r, "base")
		if rapid.Bool().Draw(r, "floor") {
			want.Floor = feed.PostID{15: 1}
		}
		entry := rapid.Custom(func(r *rapid.T) feed.Entry {
			var e feed.Entry
			copy(e.Post[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "post"))
			e.Author = feed.UserID{0: 7, 14: byte(rapid.IntRange(0, 1).Draw(r, "many")), 15: rapid.Byte().Draw(r, "author")}
			e.At = feed.Position(rapid.Uint64Range(0, math.MaxInt64).Draw(r, "at"))
			return e
		})
		want.Entries = rapid.SliceOfNDistinct(entry, 0, 300, func(e feed.Entry) feed.PostID { return e.Post }).Draw(r, "entries")
		slices.SortFunc(want.Entries, func(a, b feed.Entry) int { return b.Post.Compare(a.Post) })
		got, err := decodeBlock(appendBlock(nil, want))
		if err != nil || got.more != want.more || got.Base != want.Base || got.Floor != want.Floor || !slices.Equal(got.Entries, want.Entries) {
			r.Fatalf("decodeBlock = %+v, %v; want %+v", got, err, want)
		}
	})
}

func wholeBlock() []byte {
	entries := slices.Concat(delivery(1, 300, true).Entries, delivery(1, 299, true).Entries)
	return appendBlock(nil, block{feed.Timeline{Base: true, Floor: feed.PostID{15: 3}, Entries: entries}, true})
}

// FuzzDecodeBlock decodes damaged blocks. What is decoded can be encoded.
func FuzzDecodeBlock(f *testing.F) {
	f.Add(wholeBlock())
	f.Add([]byte{blockLayout, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := decodeBlock(data)
		if err != nil {
			return
		}
		again, err := decodeBlock(appendBlock(nil, b))
		if err != nil || !slices.Equal(again.Entries, b.Entries) {
			t.Errorf("%v is encoded and decoded to %v, %v", b, again, err)
		}
	})
}

func TestWhatIsDamagedIsAnError(t *testing.T) {
	whole := wholeBlock()
	for n := range whole {
		if _, err := decodeBlock(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes are decoded", n, len(whole))
		}
	}
	if _, err := decodeBlock(append(whole, 1)); err == nil {
		t.Error("a block with more bytes after it is decoded")
	}
	for _, stored := range []string{"", "1234567", "123456781234567812345678"} {
		if _, err := decodeRow(1, stored); err == nil {
			t.Errorf("the row %q is decoded", stored)
		}
	}
	if _, err := decodeHead(map[string]string{strategyField: "push"}); err == nil {
		t.Error("a head without an epoch is decoded")
	}
	for _, s := range []stored{{head: []string{"\x00"}}, {newest: "\x00"}, {newest: string(whole), hasOlder: true}} {
		if _, _, err := s.below(last, 10, never); err == nil {
			t.Errorf("the packed timeline %+v is decoded", s)
		}
	}
	if _, err := (&packed{trim: never, newest: 1}).fold("key", []string{"", ""}); err == nil {
		t.Error("a list that is too short is folded")
	}
	for floor, members := range map[string][]string{"short": nil, string(make([]byte, postBytes)): {"short"}} {
		if _, _, err := decodeSorted(floor, members, last); err == nil {
			t.Errorf("a sorted timeline with floor %q and members %q is decoded", floor, members)
		}
	}
}

// TestAPostWithTwoPositionsIsOneEntry merges a post twice, as a builder does for a retry that was appended twice.
func TestAPostWithTwoPositionsIsOneEntry(t *testing.T) {
	eachForm(t, func(t *testing.T, form string) {
		s := connect(t, server.URL(t), form, feed.Trim{Above: 10, Keep: 5})
		fence := led(t, s, 1)
		for _, at := range []int64{7, 3, 9} {
			o := delivery(1, 1, true)
			o.Entries[0].At = feed.At(1, at)
			mustDo(t, s.Merge(t.Context(), fence, []feed.Operand{o, delivery(1, 2, false)}))
		}
		_, got, err := s.Read(t.Context(), id(7, 1), 0, last, 2)
		if err != nil || len(got.Entries) != 2 || got.Entries[1].At != feed.At(1, 3) || got.Floor != (feed.PostID{}) {
			t.Errorf("the timeline is %v, %v; want two posts, the second at 1:3", got, err)
		}
	})
}
