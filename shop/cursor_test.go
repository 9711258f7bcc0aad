package shop

import (
	"slices"
	"strings"
	"testing"
	"unicode"

	"agora/fault"
)

func FuzzCursor(f *testing.F) {
	f.Add(encodeCursor("fuzz", rankedCursor{Phase: 1, Start: 12, Score: -3, Position: 9}))
	f.Add("")
	f.Add(strings.Repeat("A", maxCursor+1))
	f.Add(encodeCursor("another", rankedCursor{}))
	f.Add("_____w")
	f.Fuzz(func(t *testing.T, cursor string) {
		var position rankedCursor
		given, err := decodeCursor("fuzz", cursor, &position)
		switch {
		case err != nil && !fault.Is(err, fault.Invalid):
			t.Errorf("error = %v, want it Invalid", err)
		case err != nil && cursor == "":
			t.Errorf("the empty cursor is refused: %v", err)
		case err != nil || !given:
			return
		}
		var again rankedCursor
		if _, err := decodeCursor("fuzz", encodeCursor("fuzz", position), &again); err != nil || again != position {
			t.Errorf("%+v is decoded as %+v, %v", position, again, err)
		}
	})
}

func FuzzQuery(f *testing.F) {
	for _, q := range []string{"", "blue mug", "mug*", "* *", "Crème BRÛLÉE", "お茶", "a\xffb", `"x" OR y*`, "men's", "İ½ß"} {
		f.Add(q)
	}
	f.Fuzz(func(t *testing.T, q string) {
		parsed, err := parseQuery(q)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("error = %v, want it Invalid", err)
			}
			return
		}
		if len(parsed) > maxQueryWords {
			t.Errorf("%d words", len(parsed))
		}
		for _, word := range parsed {
			// Other characters could be operators in the query language of a store.
			special := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
			if word.text == "" || len(word.text) > maxWord+3 || strings.ContainsFunc(word.text, special) {
				t.Errorf("%q has the word %q", q, word.text)
			}
			// A product whose name is the word has to be found by the word.
			if indexed := newIndexedProduct(Product{Name: word.text}); !slices.Contains(indexed.Words, nameTerm+word.text) {
				t.Errorf("a product called %q is indexed as %q", word.text, indexed.Words)
			}
		}
	})
}
