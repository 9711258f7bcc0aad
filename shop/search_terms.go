package shop

import (
	"encoding/base32"
	"encoding/binary"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cespare/xxhash/v2"
	"golang.org/x/text/unicode/norm"

	"agora/fault"
)

// The kinds of a product's terms, which are the terms' first letters. A word of the name has two terms, so that a search
// can return products with the word in their name before products that only mention it.
const (
	nameTerm = "n" // a word of the name
	textTerm = "w" // a word of any text: name, description, categories, attributes, SKU
	tagTerm  = "t" // a hashed category, seller or attribute
)

const (
	maxWord       = 40  // bytes; longer words are cut, in products and in queries alike
	maxTextWords  = 300 // terms of a product's words that are indexed
	maxQuery      = 200 // bytes
	maxQueryWords = 12
)

// words splits a text into words, which are letters and digits of any script, in lower case, without diacritics and
// apostrophes. Each ideograph and each kana is a word, because these scripts have no spaces.
func words(text string) []string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		text = norm.NFKD.String(text)
	}
	folded := make([]byte, 0, len(text)+8)
	begin := 0 // index in folded of the current word
	separate := func() {
		folded = append(folded, ' ')
		begin = len(folded)
	}
	for _, r := range text {
		switch {
		case isApostrophe(r) || r >= utf8.RuneSelf && unicode.Is(unicode.Mn, r):
		case r >= utf8.RuneSelf && unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana):
			separate()
			folded = utf8.AppendRune(folded, r)
			separate()
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			separate()
		case len(folded)-begin < maxWord:
			folded = utf8.AppendRune(folded, unicode.ToLower(r))
		}
	}
	return strings.Fields(string(folded))
}

func isApostrophe(r rune) bool { return r == '\'' || r == '’' }

// newIndexedProduct returns the product with its terms.
func newIndexedProduct(p Product) IndexedProduct {
	indexed := IndexedProduct{Product: p, Tags: []string{sellerTag(p.Seller)}}
	seen := make(map[string]bool, 64)
	add := func(term string) {
		if !seen[term] && len(seen) < maxTextWords {
			seen[term] = true
			indexed.Words = append(indexed.Words, term)
		}
	}
	for _, word := range words(p.Name) {
		add(nameTerm + word)
	}
	texts := []string{p.Name, p.SKU}
	for _, category := range p.Categories {
		texts = append(texts, category)
		indexed.Tags = append(indexed.Tags, categoryTag(category))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		value := p.Attributes[name]
		texts = append(texts, value)
		indexed.Tags = append(indexed.Tags, attributeTag(name, value))
	}
	for _, text := range append(texts, p.Description) {
		for _, word := range words(text) {
			add(textTerm + word)
		}
	}
	return indexed
}

func categoryTag(category string) string     { return hashedTag("category", category) }
func sellerTag(seller string) string         { return hashedTag("seller", seller) }
func attributeTag(name, value string) string { return hashedTag("attribute", name, value) }

var tagEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// hashedTag returns the tag of a category, seller or attribute, a term of 14 characters. The probability that two of ten
// million different tags collide is below one in 300,000, because the hash has 64 bits.
func hashedTag(parts ...string) string {
	hash := binary.BigEndian.AppendUint64(nil, xxhash.Sum64String(strings.Join(parts, "\x00")))
	return tagTerm + strings.ToLower(tagEncoding.EncodeToString(hash))
}

// queryWord is a word of a query. If prefix is set, it matches each word that begins with it.
type queryWord struct {
	text   string
	prefix bool
}

// parseQuery returns the words of a query's text. A word is a prefix if a star or the end of the text follows it directly:
// at the end, the user may not have finished typing the word.
func parseQuery(query string) ([]queryWord, error) {
	if len(query) > maxQuery {
		return nil, fault.ErrInvalid("q", "is longer than %d bytes", maxQuery)
	}
	var parsed []queryWord
	for segment := range strings.SplitSeq(query, "*") {
		found := words(segment)
		last, _ := utf8.DecodeLastRuneInString(segment)
		for i, text := range found {
			open := i == len(found)-1 && (unicode.IsLetter(last) || unicode.IsDigit(last) || unicode.Is(unicode.Mn, last))
			if word := (queryWord{text, open}); !slices.Contains(parsed, word) {
				parsed = append(parsed, word)
			}
		}
	}
	if len(parsed) > maxQueryWords {
		return nil, fault.ErrInvalid("q", "has more than %d words", maxQueryWords)
	}
	if len(parsed) == 0 && strings.TrimSpace(query) != "" {
		return nil, fault.ErrInvalid("q", "has no letter or digit to search for")
	}
	return parsed, nil
}

// clauses returns the clauses that require a term of the kind for each word of the query.
func clauses(kind string, query []queryWord) []Clause {
	all := make([]Clause, len(query))
	for i, word := range query {
		all[i] = Clause{Term: kind + word.text, Prefix: word.prefix}
	}
	return all
}
