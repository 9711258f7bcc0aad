package httpapi

// Answer is an answer that is a body and nothing else.
type Answer[B any] struct{ Body B }

// NewAnswer returns an answer of the body.
func NewAnswer[B any](body B) *Answer[B] { return &Answer[B]{body} }

// UncachedAnswer is an answer of a public route that no cache may store. Routes that are not public set the same header on
// every answer.
type UncachedAnswer[B any] struct {
	CacheControl string `header:"Cache-Control"`
	Body         B
}

// NewUncachedAnswer returns an answer of the body, with Cache-Control set.
func NewUncachedAnswer[B any](body B) *UncachedAnswer[B] { return &UncachedAnswer[B]{"no-store", body} }

// PageQuery has the parameters of a list. It is exported because huma ignores embedded types that are not.
type PageQuery struct {
	Limit  int    `query:"limit" doc:"Most items of the page" minimum:"1" maximum:"100" default:"20"`
	Cursor string `query:"cursor" doc:"The next of the previous page; valid with the same query only" maxLength:"512"`
}
