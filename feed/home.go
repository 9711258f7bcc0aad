package feed

import (
	"context"
	"time"
)

// HomeQuery asks for a page of a home timeline.
type HomeQuery struct {
	Cursor string // Page.Next of the page before, encoded; empty for the first page
	After  string // the reach of a write that the page has to include, encoded; empty for none
	Limit  int
}

// Home returns a page of a user's home timeline. It waits for what the query was made of by other servers. If that takes
// too long, the error is Unavailable.
func (s *Service) Home(ctx context.Context, user UserID, q HomeQuery) (Page, error) {
	began := time.Now()
	from, err := ParseCursor(q.Cursor, s.Shape, s.Epoch)
	if err != nil {
		return Page{}, err
	}
	if q.After != "" {
		after, err := ParseAfter(q.After, s.Shape, s.Epoch)
		if err != nil {
			return Page{}, err
		}
		if err := s.Await(ctx, after); err != nil {
			return Page{}, err
		}
	}
	page, err := s.Reader.Read(ctx, user, from, q.Limit)
	if err != nil {
		return Page{}, err
	}
	if s.Presence != nil {
		s.Presence.Note(user, page)
	}
	s.Monitor.read(page.State, time.Since(began))
	return page, nil
}
