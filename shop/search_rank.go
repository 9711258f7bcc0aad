package shop

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"agora/fault"
)

// rankedCursor is the cursor of ranked results. The next page continues in the phase, in the window of candidates whose
// positions are below Start. It begins after the hit with Score and Position, or with the first hit if Position is 0.
type rankedCursor struct {
	Phase    int   `json:"f,omitempty"`
	Start    int64 `json:"w,omitempty"`
	Score    int64 `json:"s,omitempty"`
	Position int64 `json:"n,omitempty"`
}

// before reports whether an earlier page had the hit.
func (p rankedCursor) before(h hit) bool {
	return p.Position != 0 && bestFirst(h, hit{Card: Card{Position: p.Position}, score: p.Score}) <= 0
}

// hit is a candidate with its score.
type hit struct {
	Card
	score int64
}

// bestFirst compares hits by their score. Of hits with equal scores, the newer one comes first.
func bestFirst(a, b hit) int {
	return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(b.Position, a.Position))
}

// phases splits the scan of a query with words: first the products that have all words in their name, then the others.
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
			// The cursor has the beginning of the window, so that products inserted later do not move it.
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

// The weights of a score, in points. Words weigh more than quality: the best rating has about the points that an exact
// word has over a prefix.
const (
	pointsNamed    = 60 // a word of the query is in the name, or a word that begins with it
	pointsExact    = 25 // ... and the exact word is in the name
	pointsFirst    = 15 // ... and it is the first word of the name
	pointsAdjacent = 15 // ... and the word before it is the same as in the query
	pointsCoverage = 40 // times the share of the name's words that the query has
	pointsInStock  = 20
	pointsRating   = 12 // for each star above three, or subtracted for each star below
	priorReviews   = 5  // reviews of three stars that are added to those of a product, so that a few reviews weigh little
)

// score returns how well a card fits the query. It depends on its arguments only, because cursors contain scores.
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

// find returns the index of the query's word in the name, or -1. If the name lacks the exact word and the query's word is a
// prefix, it returns the index of the first word that begins with the prefix.
func find(name []string, word queryWord) (at int, exact bool) {
	if at = slices.Index(name, word.text); at >= 0 || !word.prefix {
		return at, at >= 0
	}
	return slices.IndexFunc(name, func(n string) bool { return strings.HasPrefix(n, word.text) }), false
}

// quality returns the points for a product in stock and for its rating.
func quality(card Card) int64 {
	var points int64
	if card.InventoryCount > 0 {
		points += pointsInStock
	}
	stars := card.Rating.Sum - 3*card.Rating.Count // above three stars, summed over the reviews
	return points + pointsRating*stars/(card.Rating.Count+priorReviews)
}
