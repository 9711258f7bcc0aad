package httpapi

// Answer is an answer that is a body and nothing else.
type Answer[B any] struct{ Body B }

// NewAnswer returns an answer of the body.
func NewAnswer[B any](body B) *Answer[B] { return &Answer[B]{body} }

// UncachedAnswer is an answer of a public route that no cache may store. The answers of all other routes say so
// without it.
type UncachedAnswer[B any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         B
}

// NewUncachedAnswer returns an answer of the body, with Cache-Control set.
func NewUncachedAnswer[B any](body B) *UncachedAnswer[B] { return &UncachedAnswer[B]{"no-store", body} }

// PageQuery asks for a part of a list. It is exported because huma ignores embedded types that are not.
type PageQuery struct {
	Limit  int    `query:"limit" doc:"Items at most" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" doc:"The next of the page before; goes with the very query it came from" maxLength:"512"`
}
