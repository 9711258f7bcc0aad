package shop

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"agora/fault"
	"agora/ident"
)

// The limits of a product, which bound the size of its document (about 100 kB) and the work to index it.
const (
	maxSKU            = 64     // bytes
	maxName           = 200    // bytes
	maxDescription    = 10_000 // bytes
	maxCategories     = 16
	maxCategory       = 64 // bytes
	maxAttributes     = 32
	maxAttributeName  = 64  // bytes
	maxAttributeValue = 256 // bytes
	maxImages         = 16
	maxImageURL       = 2048 // bytes
	maxAmount         = 1_000_000_000_000
)

// Product is the document of a product's page. A change by the seller (ProductDraft) increments Version. Changes of stock
// and reviews increment only Revision, so that they never make the seller's If-Match fail.
type Product struct {
	ID             string            `json:"id" doc:"Identifier" example:"prd_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	SKU            string            `json:"sku" doc:"The seller's stock keeping unit; unique in the marketplace" example:"LAMP-01"`
	Seller         string            `json:"seller" doc:"Who offers it" example:"usr_01jd8q6m3k9v2n4x7y5z8w1t0c"`
	Name           string            `json:"name" example:"Desk lamp"`
	Description    string            `json:"description" example:"A lamp for the desk, with a heavy foot."`
	Price          Money             `json:"price"`
	Categories     []string          `json:"categories" example:"home-decor,lighting"`
	Attributes     map[string]string `json:"attributes" example:"{\"color\":\"red\"}"`
	Images         []string          `json:"images"`
	InventoryCount int64             `json:"inventory_count" doc:"Units for sale, as last heard from the stock" example:"100"`
	Rating         Rating            `json:"rating"`
	LatestReviews  []Review          `json:"latest_reviews" doc:"The newest reviews, at most 5"`
	Version        int64             `json:"version" doc:"Counts the seller's changes" example:"1"`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`

	Revision int64 `json:"-"` // counts the changes of stock and reviews
}

// Rating is the summary of a product's reviews.
type Rating struct {
	Count   int64   `json:"count" doc:"Number of reviews" example:"2"`
	Sum     int64   `json:"sum" doc:"Sum of their ratings" example:"9"`
	Average float64 `json:"average" doc:"Rounded to two decimals; 0 while there is no review" example:"4.5"`
}

// NewRating returns the summary of count reviews whose ratings add up to sum.
func NewRating(count, sum int64) Rating {
	if count == 0 {
		return Rating{}
	}
	return Rating{Count: count, Sum: sum, Average: math.Round(100*float64(sum)/float64(count)) / 100}
}

// ETag returns the entity tag (RFC 9110, section 8.8.3) of the document, quotes included. It differs whenever the
// document's bytes do: its first number is the version, the second the revision.
func (p Product) ETag() string { return fmt.Sprintf(`"%d.%d"`, p.Version, p.Revision) }

// VersionOf returns the version in an entity tag of the header If-Match. It ignores the revision, because a sale between
// the seller's read and write does not conflict with the edit.
func VersionOf(etag string) (int64, error) {
	tag := strings.TrimPrefix(strings.TrimSpace(etag), "W/")
	if unquoted, ok := strings.CutPrefix(tag, `"`); ok && strings.HasSuffix(unquoted, `"`) {
		version, revision, _ := strings.Cut(strings.TrimSuffix(unquoted, `"`), ".")
		n, err := strconv.ParseUint(version, 10, 63)
		_, revisionErr := strconv.ParseUint(revision, 10, 63)
		if err == nil && revisionErr == nil {
			return int64(n), nil
		}
	}
	return 0, fault.ErrInvalid("If-Match", "is not an ETag of a product")
}

// ProductDraft has the fields of a product that its seller sets.
type ProductDraft struct {
	SKU         string            `json:"sku" doc:"Unique in the marketplace; cannot be changed later" minLength:"1" maxLength:"64" example:"LAMP-01"`
	Name        string            `json:"name" minLength:"1" maxLength:"200" example:"Desk lamp"`
	Description string            `json:"description,omitempty" doc:"Plain text; the only text of a product that may have line breaks and tabs" maxLength:"10000" example:"A lamp for the desk, with a heavy foot."`
	Price       Money             `json:"price"`
	Categories  []string          `json:"categories,omitempty" doc:"Slugs such as home-decor" maxItems:"16" example:"home-decor,lighting"`
	Attributes  map[string]string `json:"attributes,omitempty" doc:"Free attributes such as color: red, at most 32" example:"{\"color\":\"red\"}"`
	Images      []string          `json:"images,omitempty" doc:"Absolute http or https URLs without user and password" maxItems:"16"`
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// Validate returns one Invalid fault that names every offending field, or nil.
func (d ProductDraft) Validate() error {
	var c fault.Collector
	checkSKU(&c, "sku", d.SKU)
	c.Check(strings.TrimSpace(d.Name) != "", "name", "is empty")
	checkText(&c, "name", d.Name, maxName, "")
	checkText(&c, "description", d.Description, maxDescription, lineBreaksAndTabs)
	d.Price.Check(&c, "price")
	c.Check(d.Price.Amount <= maxAmount, "price.amount", "is over %d", int64(maxAmount))
	d.checkCategories(&c)
	d.checkAttributes(&c)
	d.checkImages(&c)
	return c.Err()
}

// checkSKU records each rule for stock keeping units that the SKU breaks.
func checkSKU(c *fault.Collector, field, sku string) {
	c.Check(sku != "", field, "is empty")
	c.Check(len(sku) <= maxSKU, field, "is longer than %d bytes", maxSKU)
	unprintable := func(r rune) bool { return r == utf8.RuneError || !unicode.IsPrint(r) || unicode.IsSpace(r) }
	c.Check(!strings.ContainsFunc(sku, unprintable), field, "has spaces or characters that cannot be printed")
}

// lineBreaksAndTabs are the control characters that a text of several lines may contain.
const lineBreaksAndTabs = "\n\r\t"

// checkText records that a text is too long, not UTF-8, or has control characters other than the allowed ones.
func checkText(c *fault.Collector, field, text string, limit int, allowed string) {
	c.Check(len(text) <= limit, field, "is longer than %d bytes", limit)
	c.Check(utf8.ValidString(text), field, "is not valid UTF-8")
	control := func(r rune) bool { return unicode.IsControl(r) && !strings.ContainsRune(allowed, r) }
	c.Check(!strings.ContainsFunc(text, control), field, "has control characters")
}

func (d ProductDraft) checkCategories(c *fault.Collector) {
	c.Check(len(d.Categories) <= maxCategories, "categories", "has more than %d entries", maxCategories)
	for i, category := range d.Categories {
		field := fmt.Sprintf("categories[%d]", i)
		c.Check(len(category) <= maxCategory && slug.MatchString(category), field,
			"is not a slug of at most %d lower-case letters, digits and single dashes", maxCategory)
		c.Check(!slices.Contains(d.Categories[:i], category), field, "is named twice")
	}
}

func (d ProductDraft) checkAttributes(c *fault.Collector) {
	c.Check(len(d.Attributes) <= maxAttributes, "attributes", "has more than %d entries", maxAttributes)
	for _, name := range slices.Sorted(maps.Keys(d.Attributes)) {
		field := "attributes." + name
		c.Check(strings.TrimSpace(name) != "", field, "has an empty name")
		checkText(c, field, name, maxAttributeName, "")
		checkText(c, field, d.Attributes[name], maxAttributeValue, "")
	}
}

func (d ProductDraft) checkImages(c *fault.Collector) {
	c.Check(len(d.Images) <= maxImages, "images", "has more than %d entries", maxImages)
	for i, image := range d.Images {
		u, err := url.Parse(image)
		ok := err == nil && u.Host != "" && u.User == nil && (u.Scheme == "http" || u.Scheme == "https") && len(image) <= maxImageURL
		c.Check(ok, fmt.Sprintf("images[%d]", i), "is not an absolute http or https URL without a user, of at most %d bytes", maxImageURL)
	}
}

// NewProduct returns the first version of a product. It does not validate the draft. The identifier consists of the time
// and of random bits from entropy, so that a seeded source makes the same product again, as generated data requires.
func NewProduct(seller string, draft ProductDraft, at time.Time, entropy io.Reader) Product {
	at = at.UTC().Truncate(time.Microsecond)
	p := Product{
		ID: ident.At(ident.Product, at, entropy), Seller: seller, Version: 1, CreatedAt: at, UpdatedAt: at,
		LatestReviews: []Review{},
	}
	draft.apply(&p)
	return p
}

// apply sets the product's fields to those of the draft.
func (d ProductDraft) apply(p *Product) {
	p.SKU, p.Name, p.Description, p.Price = d.SKU, d.Name, d.Description, d.Price
	p.Categories = orEmpty(d.Categories)
	p.Images = orEmpty(d.Images)
	p.Attributes = d.Attributes
	if p.Attributes == nil {
		p.Attributes = map[string]string{}
	}
}

// orEmpty returns an empty list for nil, because JSON would encode nil as null.
func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
