package catalog

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"agora/shop"
)

const (
	// rowPositions is the most positions of a new row of postings. More would make reading a row for one of its positions
	// expensive, and fewer would give common terms many rows.
	rowPositions = 128
	// indexedPrefix is the longest prefix, in characters, that the index has as a term of its own. A search expands longer
	// prefixes: see expand.
	indexedPrefix = 3
)

// postings are rows of the inverted index, as columns.
type postings struct {
	terms  []string
	firsts []int64
	counts []int32
	gaps   [][]byte
}

// newPostings returns the postings of the entries that are stored. The position of an entry is its index in the slice.
func newPostings(entries []shop.IndexedProduct, stored []bool) *postings {
	positions := map[string][]int64{}
	for i, e := range entries {
		if !stored[i] {
			continue
		}
		for _, term := range indexed(e.Words, e.Tags) {
			positions[term] = append(positions[term], int64(i))
		}
	}
	terms := make([]string, 0, len(positions))
	for term := range positions {
		terms = append(terms, term)
	}
	slices.Sort(terms) // so that each page of the b-tree is written once
	p := &postings{}
	for _, term := range terms {
		for row := range slices.Chunk(positions[term], rowPositions) {
			p.add(term, postingRow{row[0], row})
		}
	}
	return p
}

// postingRow is a row of one term.
type postingRow struct {
	first     int64
	positions []int64 // ascending
}

func (p *postings) add(term string, row postingRow) {
	p.terms, p.firsts = append(p.terms, term), append(p.firsts, row.first)
	p.counts = append(p.counts, int32(len(row.positions)))
	p.gaps = append(p.gaps, encodeGaps(row.first, row.positions))
}

// move returns the postings with a distance added to all positions.
func (p *postings) move(by int64) *postings {
	moved := *p
	moved.firsts = make([]int64, len(p.firsts))
	for i, first := range p.firsts {
		moved.firsts[i] = first + by
	}
	return &moved
}

// indexed returns the terms that the index has for a product: its words and tags, and the prefixes of its words.
func indexed(words, tags []string) []string {
	terms := make([]string, 0, 3*len(words)+len(tags))
	terms = append(append(terms, words...), tags...)
	seen := make(map[string]bool, 2*len(words))
	for _, word := range words {
		n := 0
		for i := range word {
			if n++; n > 1 && !seen[word[:i]] {
				seen[word[:i]] = true
				terms = append(terms, prefixTerm(word[:i]))
			}
			if n > indexedPrefix {
				break
			}
		}
		if n <= indexedPrefix && !seen[word] {
			seen[word] = true
			terms = append(terms, prefixTerm(word))
		}
	}
	return terms
}

// prefixTerm returns the term that the index has for a prefix. The star tells it from words, which are letters and digits.
func prefixTerm(prefix string) string { return prefix + "*" }

func isIndexedPrefix(prefix string) bool { return utf8.RuneCountInString(prefix) <= indexedPrefix }

// joinTerms returns the terms of a product in one text, as documents have them. splitTerms is the inverse.
func joinTerms(e shop.IndexedProduct) string {
	return " " + strings.Join(e.Words, " ") + " | " + strings.Join(e.Tags, " ") + " "
}

func splitTerms(joined string) (words, tags []string) {
	before, after, _ := strings.Cut(joined, "|")
	return strings.Fields(before), strings.Fields(after)
}

// encodeGaps encodes ascending positions as the differences from each to the one before, beginning with first.
func encodeGaps(first int64, positions []int64) []byte {
	gaps := make([]byte, 0, len(positions)+len(positions)/2)
	for _, at := range positions {
		gaps = binary.AppendUvarint(gaps, uint64(at-first))
		first = at
	}
	return gaps
}

var errDamaged = errors.New("a row of postings is damaged")

// decodeGaps appends the positions of a row: it is the inverse of encodeGaps.
func decodeGaps(positions []int64, first int64, gaps []byte) ([]int64, error) {
	for len(gaps) > 0 {
		gap, n := binary.Uvarint(gaps)
		if n <= 0 {
			return nil, errDamaged
		}
		first += int64(gap)
		positions, gaps = append(positions, first), gaps[n:]
	}
	return positions, nil
}
