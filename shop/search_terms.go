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

// The terms of a product. The first letter keeps the kinds apart: words of the name are indexed twice, so that a
// search can have the products that are called so before those that merely mention it.
const (
	nameTerm = "n" // a word of the name
	textTerm = "w" // a word of any text: name, description, categories, attributes, SKU
	tagTerm  = "t" // a hashed fact: category, seller or attribute
)

const (
	maxWord       = 40  // bytes; longer words are cut, in products and in queries alike
	maxTextWords  = 300 // different words of a product that are indexed
	maxQuery      = 200 // bytes
	maxQueryWords = 12
)

// words splits a text into its words: letters and digits of any script, in lower case, without diacritics
// and apostrophes. Ideographs and kana, which are written without spaces, are a word each.
func words(text string) []string {
	if strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }) {
		text = norm.NFKD.String(text)
	}
	folded := make([]byte, 0, len(text)+8)
	begin := 0 // of the word that is being read
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

// newIndexedProduct returns the product with the terms that it is found by.
func newIndexedProduct(p Product) IndexedProduct {
	e := IndexedProduct{Product: p, Tags: []string{sellerTag(p.Seller)}}
	seen := make(map[string]bool, 64)
	add := func(term string) {
		if !seen[term] && len(seen) < maxTextWords {
			seen[term] = true
			e.Words = append(e.Words, term)
		}
	}
	for _, word := range words(p.Name) {
		add(nameTerm + word)
	}
	texts := []string{p.Name, p.SKU}
	for _, category := range p.Categories {
		texts = append(texts, category)
		e.Tags = append(e.Tags, categoryTag(category))
	}
	for _, name := range slices.Sorted(maps.Keys(p.Attributes)) {
		value := p.Attributes[name]
		texts = append(texts, value)
		e.Tags = append(e.Tags, attributeTag(name, value))
	}
	for _, text := range append(texts, p.Description) {
		for _, word := range words(text) {
			add(textTerm + word)
		}
	}
	return e
}

func categoryTag(category string) string     { return hashedTag("category", category) }
func sellerTag(seller string) string         { return hashedTag("seller", seller) }
func attributeTag(name, value string) string { return hashedTag("attribute", name, value) }

var tagEncoding = base32.HexEncoding.WithPadding(base32.NoPadding)

// hashedTag maps a fact to a term of 14 characters. With 64 bits, even ten million different facts
// collide with a probability below one in 300,000.
func hashedTag(parts ...string) string {
	hash := binary.BigEndian.AppendUint64(nil, xxhash.Sum64String(strings.Join(parts, "\x00")))
	return tagTerm + strings.ToLower(tagEncoding.EncodeToString(hash))
}

// queryWord is a word that is asked for, by its beginning if prefix is set.
type queryWord struct {
	text   string
	prefix bool
}

// parseQuery reads what somebody typed: words that all have to be there. A word that is directly followed by a
// star, or by the end of the text, stands for every word that begins with it: the end is where somebody
// is still typing.
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

// clauses returns what a product has to have in its terms of the kind.
func clauses(kind string, query []queryWord) []Clause {
	all := make([]Clause, len(query))
	for i, word := range query {
		all[i] = Clause{Term: kind + word.text, Prefix: word.prefix}
	}
	return all
}
