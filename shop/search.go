package shop

import (
	"context"
	"encoding/json"
	"maps"
	"slices"

	"agora/fault"
)

// The limits of a search. The cost of a search is the same for a thousand products and for a million, and for rare and for
// common words, because a search never counts or ranks all matches. It reads a window of the newest candidates and ranks
// it. All hits of a window are returned, page by page, before the next window is read. In return, the order of hits is exact
// within a window only, and there are no totals.
//
// With windows alone, the best hits of a common word would follow newer products that only mention it. A search therefore
// has two phases, like the tiers of Manning, Raghavan and Schütze, Introduction to Information Retrieval, section 7.2.1:
// first the products that have all words in their name, then the others.
const (
	rankingWindow = 400   // candidates in a window
	facetSample   = 400   // candidates in which facets are counted
	scanBudget    = 4_000 // products that one scan may read
	maxScans      = 4     // scans for one page; a page that needs more is short and has a cursor
)

// Sort is the order of search results.
type Sort string

const (
	ByRelevance Sort = "relevance" // the default for a query with words; without words, the default is newest
	ByNewest    Sort = "newest"
	ByPriceAsc  Sort = "price_asc"
	ByPriceDesc Sort = "price_desc"
)

const (
	maxAttributeFilters = 8
	maxUserID           = 64 // bytes
)

// SearchQuery is a search for products. Every field that is set narrows the result.
type SearchQuery struct {
	Text       string            // words that a product must have; see parseQuery for prefixes
	Category   string            // slug
	Seller     string            // usr_…
	Attributes map[string]string // values that a product must have
	Currency   string            // ISO 4217; needed with a range or an order of prices
	MinPrice   int64             // minor units, inclusive
	MaxPrice   int64             // minor units, inclusive; 0 is no bound
	InStock    bool
	Sort       Sort
	Facets     bool // return facets as well
	Limit      int
	Cursor     string
}

// SearchPage is a page of search results. Next is the cursor of the following page. A short or even empty page may have one,
// and only the last page has none.
type SearchPage struct {
	Items  []Card  `json:"items"`
	Facets *Facets `json:"facets,omitempty"`
	Next   string  `json:"next,omitempty"`
}

// ProductList is a list of the products of a category, of a seller, of both, or of all products.
type ProductList struct {
	Category string
	Seller   string
	Limit    int
	Cursor   string
}

// List returns products, newest first.
func (c *Catalog) List(ctx context.Context, list ProductList) (SearchPage, error) {
	return c.Search(ctx, SearchQuery{
		Category: list.Category, Seller: list.Seller, Sort: ByNewest, Limit: list.Limit, Cursor: list.Cursor,
	})
}

// Search returns a page of the products that match the query.
func (c *Catalog) Search(ctx context.Context, query SearchQuery) (SearchPage, error) {
	limit, err := pageSize(query.Limit)
	if err != nil {
		return SearchPage{}, err
	}
	parsed, err := parseQuery(query.Text)
	if err != nil {
		return SearchPage{}, err
	}
	if err := query.validate(); err != nil {
		return SearchPage{}, err
	}
	scan := query.scan(parsed)
	var page SearchPage
	if query.Sort == ByRelevance || query.Sort == "" && len(parsed) > 0 {
		page, err = c.ranked(ctx, scan, parsed, query.scope(), limit, query.Cursor)
	} else {
		page, err = c.ordered(ctx, scan, query.scope(), limit, query.Cursor)
	}
	if err != nil || !query.Facets {
		return page, err
	}
	page.Facets, err = c.facets(ctx, scan)
	return page, err
}

// validate returns one Invalid fault that names every offending parameter, or nil.
func (q SearchQuery) validate() error {
	var c fault.Collector
	c.Check(q.Category == "" || len(q.Category) <= maxCategory && slug.MatchString(q.Category), "category", "is not a slug")
	c.Check(len(q.Seller) <= maxUserID, "seller", "is not an identifier of a user")
	c.Check(len(q.Attributes) <= maxAttributeFilters, "attributes", "are more than %d", maxAttributeFilters)
	for _, name := range slices.Sorted(maps.Keys(q.Attributes)) {
		checkText(&c, "attributes."+name, name, maxAttributeName, "")
		checkText(&c, "attributes."+name, q.Attributes[name], maxAttributeValue, "")
	}
	c.Check(q.MinPrice >= 0, "price_min", "is negative")
	c.Check(q.MaxPrice >= 0, "price_max", "is negative")
	c.Check(q.MaxPrice == 0 || q.MaxPrice >= q.MinPrice, "price_max", "is below price_min")
	priced := q.MinPrice != 0 || q.MaxPrice != 0 || q.Sort == ByPriceAsc || q.Sort == ByPriceDesc
	switch {
	case q.Currency != "":
		var unknown fault.Collector
		Money{Currency: q.Currency}.Check(&unknown, "price")
		c.Check(unknown.Err() == nil, "currency", "is not an ISO 4217 code in upper case")
	case priced:
		c.Add("currency", "is needed with a range or an order of prices")
	}
	switch q.Sort {
	case "", ByRelevance, ByNewest, ByPriceAsc, ByPriceDesc:
	default:
		c.Add("sort", "is none of relevance, newest, price_asc and price_desc")
	}
	return c.Err()
}

// scope names the list of results for its cursors. It contains the whole query, without the fields that select a page.
func (q SearchQuery) scope() string {
	q.Limit, q.Cursor, q.Facets = 0, "", false
	encoded, err := json.Marshal(q)
	if err != nil {
		panic("shop: a query cannot be encoded: " + err.Error())
	}
	return "search " + string(encoded)
}

// scan returns the scan for the products that match the query.
func (q SearchQuery) scan(parsed []queryWord) Scan {
	s := Scan{
		All: clauses(textTerm, parsed), Currency: q.Currency, MinPrice: q.MinPrice, MaxPrice: q.MaxPrice,
		InStock: q.InStock, Budget: scanBudget,
	}
	for _, tag := range q.tags() {
		s.All = append(s.All, Clause{Term: tag})
	}
	switch q.Sort {
	case ByPriceAsc:
		s.Order = CheapestFirst
	case ByPriceDesc:
		s.Order = ExpensiveFirst
	}
	return s
}

func (q SearchQuery) tags() []string {
	var tags []string
	if q.Category != "" {
		tags = append(tags, categoryTag(q.Category))
	}
	if q.Seller != "" {
		tags = append(tags, sellerTag(q.Seller))
	}
	for _, name := range slices.Sorted(maps.Keys(q.Attributes)) {
		tags = append(tags, attributeTag(name, q.Attributes[name]))
	}
	return tags
}

// orderedCursor is the cursor of results in the order of their scan.
type orderedCursor struct {
	Price    int64 `json:"p,omitempty"`
	Position int64 `json:"n"`
}

// ordered returns a page of results in the order of their scan.
func (c *Catalog) ordered(ctx context.Context, scan Scan, scope string, limit int, cursor string) (SearchPage, error) {
	var after orderedCursor
	if given, err := decodeCursor(scope, cursor, &after); err != nil {
		return SearchPage{}, err
	} else if given && (after.Position <= 0 || after.Price < 0) {
		return SearchPage{}, fault.ErrInvalid("cursor", "is not a cursor of this service")
	}
	scan.After = ScanPosition(after)
	page := SearchPage{Items: []Card{}}
	for range maxScans {
		// A card after the last one of the page shows that another page follows.
		scan.Limit = limit + 1 - len(page.Items)
		batch, err := c.store.Scan(ctx, scan)
		if err != nil {
			return SearchPage{}, err
		}
		page.Items = append(page.Items, batch.Cards...)
		if len(page.Items) > limit {
			page.Items = page.Items[:limit]
			page.Next = encodeCursor(scope, orderedCursor(page.Items[limit-1].scanPosition()))
			return page, nil
		}
		if batch.Done {
			return page, nil
		}
		scan.After = batch.Next
	}
	page.Next = encodeCursor(scope, orderedCursor(scan.After))
	return page, nil
}
