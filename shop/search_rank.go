package shop

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"agora/fault"
)

// rankedCursor is the cursor of ranked results. The next page comes from the phase and from the window of candidates
// below Start, and begins after the hit with Score and Position (with the first hit if Position is 0).
type rankedCursor struct {
	Phase    int   `json:"f,omitempty"`
	Start    int64 `json:"w,omitempty"`
	Score    int64 `json:"s,omitempty"`
	Position int64 `json:"n,omitempty"`
}

// before reports whether an earlier page showed the hit.
func (p rankedCursor) before(h hit) bool {
	return p.Position != 0 && bestFirst(h, hit{Card: Card{Position: p.Position}, score: p.Score}) <= 0
}

// hit is a candidate with its score.
type hit struct {
	Card
	score int64
}

// bestFirst orders hits by their score, equal ones newest first.
func bestFirst(a, b hit) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.Position, a.Position))
}

// phases splits a scan for words: those that have all of them in their name come first.
func phases(scan Scan, query []queryWord) []Scan {
	if len(query) == 0 {
		return []Scan{scan}
	}
	named := clauses(nameTerm, query)
	first, second := scan, scan
	first.All = slices.Concat(named, scan.All[len(query):])
	second.Except = named
	return []Scan{first, second}
}

// ranked returns a page of the best hits, window by window.
func (c *Catalog) ranked(
	ctx context.Context, scan Scan, query []queryWord, scope string, limit int, cursor string,
) (SearchPage, error) {
	scans := phases(scan, query)
	var at rankedCursor
	if _, err := decodeCursor(scope, cursor, &at); err != nil {
		return SearchPage{}, err
	}
	if at.Phase < 0 || at.Phase >= len(scans) || at.Start < 0 || at.Position < 0 {
		return SearchPage{}, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	page := SearchPage{Items: []Card{}}
	for range maxScans {
		scan := scans[at.Phase]
		scan.Limit, scan.After = rankingWindow, ScanPosition{Position: at.Start}
		batch, err := c.store.Scan(ctx, scan)
		if err != nil {
			return SearchPage{}, err
		}
		if at.Start == 0 && len(batch.Cards) > 0 {
			// Pin the window: what is taken in from now on must not push it along under the reader's pages.
			at.Start = batch.Cards[0].Position + 1
		}
		for _, h := range rank(batch.Cards, query) {
			switch {
			case at.before(h):
			case len(page.Items) == limit:
				page.Next = encodeCursor(scope, at)
				return page, nil
			default:
				page.Items = append(page.Items, h.Card)
				at.Score, at.Position = h.score, h.Position
			}
		}
		if !batch.Done {
			at = rankedCursor{Phase: at.Phase, Start: batch.Next.Position}
		} else if at = (rankedCursor{Phase: at.Phase + 1}); at.Phase == len(scans) {
			return page, nil
		}
	}
	page.Next = encodeCursor(scope, at)
	return page, nil
}

// rank scores the candidates and returns them best first.
func rank(cards []Card, query []queryWord) []hit {
	hits := make([]hit, len(cards))
	for i, card := range cards {
		hits[i] = hit{card, score(card, query)}
	}
	slices.SortFunc(hits, bestFirst)
	return hits
}

// The weights of a score, in points. Words decide before quality does: a good rating is worth about as much as one
// word that is there exactly rather than by its beginning.
const (
	pointsNamed    = 60 // a word of the query is in the name, at least by its beginning
	pointsExact    = 25 // ... and is exactly there
	pointsFirst    = 15 // ... and is the name's first word
	pointsAdjacent = 15 // ... and follows the same word as in the query
	pointsCoverage = 40 // times the share of the name's words that were asked for
	pointsInStock  = 20
	pointsRating   = 12 // for each star above three, or less for each below
	priorReviews   = 5  // reviews of three stars that every product is taken to have, so that few weigh little
)

// score says how well a card fits the query. It depends on nothing but its arguments.
func score(card Card, query []queryWord) int64 {
	points := quality(card)
	if len(query) == 0 {
		return points
	}
	name := words(card.Name)
	previous, named := -1, 0
	for _, word := range query {
		at, exact := find(name, word)
		if at < 0 {
			previous = -1
			continue
		}
		named++
		points += pointsNamed
		if exact {
			points += pointsExact
		}
		if at == 0 {
			points += pointsFirst
		}
		if previous >= 0 && at == previous+1 {
			points += pointsAdjacent
		}
		previous = at
	}
	if len(name) > 0 {
		points += int64(pointsCoverage * min(named, len(name)) / len(name))
	}
	return points
}

// find returns where the word is in the name, preferring the exact word, or -1.
func find(name []string, word queryWord) (at int, exact bool) {
	if at = slices.Index(name, word.text); at >= 0 || !word.prefix {
		return at, at >= 0
	}
	return slices.IndexFunc(name, func(n string) bool { return strings.HasPrefix(n, word.text) }), false
}

// quality scores what does not depend on the query: whether the product can be bought, and its rating.
func quality(card Card) int64 {
	var points int64
	if card.InventoryCount > 0 {
		points += pointsInStock
	}
	stars := card.Rating.Sum - 3*card.Rating.Count // above three, summed over the reviews
	return points + pointsRating*stars/(card.Rating.Count+priorReviews)
}
