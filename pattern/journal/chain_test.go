package journal_test

import (
	"encoding/hex"
	"slices"
	"testing"
	"time"

	"gotest.tools/v3/golden"

	"agora/pattern/journal"
)

// TestLinkFormat pins the bytes that are hashed: the chains of existing journals depend on them.
func TestLinkFormat(t *testing.T) {
	e := journal.Entry{
		Seq: 1<<40 + 7, Stream: "stock/LAMP \u00e4", Version: 3, Kind: "stock.changed",
		At: time.Date(2026, 3, 14, 15, 9, 26, 535897000, time.UTC), Body: []byte(`{"sku":"LAMP"}`),
	}
	first := e.Link(nil)
	golden.Assert(t, hex.EncodeToString(first)+"\n"+hex.EncodeToString(e.Link(first))+"\n", "links.txt")
}

func TestAChainFindsEachChangeWhereItIs(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(all []journal.Entry) []journal.Entry
		want   []int // indexes of the entries that are refused
	}{
		"none":                 {func(all []journal.Entry) []journal.Entry { return all }, nil},
		"a body":               {func(all []journal.Entry) []journal.Entry { all[2].Body = []byte("x"); return all }, []int{2}},
		"a time":               {func(all []journal.Entry) []journal.Entry { all[2].At = all[2].At.Add(time.Microsecond); return all }, []int{2}},
		"a kind":               {func(all []journal.Entry) []journal.Entry { all[0].Kind = "x"; return all }, []int{0}},
		"a stream":             {func(all []journal.Entry) []journal.Entry { all[4].Stream = "x"; return all }, []int{4}},
		"bytes between fields": {func(all []journal.Entry) []journal.Entry { all[1].Stream, all[1].Kind = "streamk", "ind"; return all }, []int{1}},
		"an entry is lost":     {func(all []journal.Entry) []journal.Entry { return slices.Delete(all, 2, 3) }, []int{2}},
		"the first is lost":    {func(all []journal.Entry) []journal.Entry { return all[1:] }, []int{0}},
		"two change places":    {func(all []journal.Entry) []journal.Entry { all[1], all[2] = all[2], all[1]; return all }, []int{1, 2, 3}},
		"a hash is lost":       {func(all []journal.Entry) []journal.Entry { all[2].Hash = nil; return all }, []int{2, 3}},
		"it began later": {func(all []journal.Entry) []journal.Entry {
			return append([]journal.Entry{{Seq: 0, Stream: "old"}}, all...)
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var j journal.Memory
			for i := range 5 {
				if err := j.Append(t.Context(), journal.Entry{Stream: "stream", Version: uint64(i) + 1, Kind: "kind", Body: []byte("body")}); err != nil {
					t.Fatal(err)
				}
			}
			all, err := j.All(t.Context(), 0, 10)
			if err != nil {
				t.Fatal(err)
			}
			var chain journal.Chain
			var got []int
			for i, e := range tt.change(all) {
				if chain.Check(e) != nil {
					got = append(got, i)
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("refused entries %v, want %v", got, tt.want)
			}
		})
	}
}
