package feed

import (
	"context"
	"sync"
	"time"

	"agora/backoff"
	"agora/lab/load"
	verifyfeed "agora/lab/verify/feed"
)

const (
	watchersAtOnce = 16
	watchedPage    = 50                   // items
	betweenLooks   = 2 * time.Millisecond // of a post that is not visible yet
)

// watchers read timelines of followers until posts are there. Each has a connection of its own, so that the measured requests do
// not wait for it.
type watchers struct {
	run    load.Run
	people *people
	posts  chan watched // without a buffer: a post that nobody takes at once would be visible too early
}

// watched is a post that a follower has to see.
type watched struct {
	published
	follower     int
	acknowledged time.Time
}

func newWatchers(run load.Run, people *people) *watchers {
	return &watchers{run: run, people: people, posts: make(chan watched)}
}

// posted gives a post to a watcher, and reports whether one takes it. choice selects the follower.
func (w *watchers) posted(p published, choice uint64, acknowledged time.Time) bool {
	followers := w.people.followers[p.author]
	if len(followers) == 0 {
		return false
	}
	follower := followers[choice%uint64(len(followers))]
	select {
	case w.posts <- watched{p, follower, acknowledged}:
		return true
	default:
		w.run.Measures.Count(notWatched, 1)
		return false
	}
}

// watch reads until ctx ends and the last posts are visible.
func (w *watchers) watch(ctx context.Context) {
	var all sync.WaitGroup
	for i := range watchersAtOnce {
		all.Go(func() {
			c := w.run.Connect(w.run.Connections + 1 + i)
			defer c.Hangup()
			for {
				select {
				case p := <-w.posts:
					w.follow(context.WithoutCancel(ctx), c, p)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	all.Wait()
}

// follow reads the timeline of a follower until the post is there, or for the timeout of requests.
func (w *watchers) follow(ctx context.Context, c *load.Connection, p watched) {
	for {
		seen := w.look(ctx, c, p)
		took := time.Since(p.acknowledged)
		late := took > w.run.Timeout
		if seen || late {
			w.run.Measures.Note(Visible, p.acknowledged, took)
		}
		switch {
		case seen:
			return
		case late:
			w.run.Measures.Count(notVisible, 1)
			return
		}
		backoff.Sleep(ctx, betweenLooks)
	}
}

// look reads the timeline as far as the post has to be, and reports whether it is there. Pages are newest first, in the order of
// the ids, and newer posts may fill the first one.
func (w *watchers) look(ctx context.Context, c *load.Connection, p watched) bool {
	for cursor := ""; ; {
		page, ok := w.read(ctx, c, p.follower, cursor)
		switch {
		case !ok:
			return false
		case page.has(p.id):
			return true
		case page.Next == "" || len(page.Items) == 0 || page.Items[len(page.Items)-1].ID < p.id:
			return false
		}
		cursor = page.Next
	}
}

// read reads a page of a user.
func (w *watchers) read(ctx context.Context, c *load.Connection, user int, cursor string) (p page, ok bool) {
	in := verifyfeed.Input{User: w.people.ids[user], Limit: watchedPage, Cursor: cursor}
	done := record(w.run.Recorder, c.Number, verifyfeed.Read, in)
	c.Get(pagePath(in), w.people.tokens[user])
	answer, err := c.Once(ctx, w.run.Timeout)
	if err != nil {
		return page{}, false
	}
	if answer.Status != 200 {
		done(verifyfeed.Output{Outcome: verifyfeed.Refused})
		return page{}, false
	}
	if p, ok = readPage(answer.Body); ok {
		done(p.output())
	}
	return p, ok
}
