package feed

import (
	"context"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"agora/lab/load"
	verifyfeed "agora/lab/verify/feed"
)

// customer sends the requests of one connection.
type customer struct {
	*traffic
	*load.Connection
	what intent // drawn last
	walk struct {
		user int
		next string // the cursor of the next page; empty after the last
	}
}

// Draw implements load.Customer.
func (c *customer) Draw(kind load.Kind, random *rand.Rand) { c.what = c.draw(kind, random) }

// Ask implements load.Customer.
func (c *customer) Ask(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string) {
	switch c.what.kind {
	case Read:
		return c.read(ctx, deadline)
	case Page:
		return c.page(ctx, deadline)
	case Post:
		return c.post(ctx, arrival, deadline)
	case Delete:
		return c.delete(ctx, arrival, deadline)
	default:
		return c.edge(ctx, deadline)
	}
}

// pageLimit is the number of items that a read asks for.
const pageLimit = 20

// read reads the first page of a timeline.
func (c *customer) read(ctx context.Context, deadline time.Time) (outcome, failure string) {
	in := verifyfeed.Input{User: c.people.ids[c.what.user], Limit: pageLimit}
	if c.what.after {
		if after := c.after[c.what.user].Swap(nil); after != nil {
			in.After = *after
		}
	}
	c.walk.user = c.what.user
	return c.turn(ctx, in, deadline)
}

// page reads the next page of the timeline that this customer read last, or a first page if that was its last.
func (c *customer) page(ctx context.Context, deadline time.Time) (outcome, failure string) {
	if c.walk.next == "" {
		return c.read(ctx, deadline)
	}
	return c.turn(ctx, verifyfeed.Input{User: c.people.ids[c.walk.user], Limit: pageLimit, Cursor: c.walk.next}, deadline)
}

// turn reads a page. The outcome is its state.
func (c *customer) turn(ctx context.Context, in verifyfeed.Input, deadline time.Time) (outcome, failure string) {
	c.walk.next = ""
	c.Get(pagePath(in), c.people.tokens[c.walk.user])
	done := record(c.run.Recorder, c.Number, verifyfeed.Read, in)
	answer, _, err := c.Send(ctx, true, deadline)
	switch {
	case err != nil:
		return "", load.FailureOf(err) // the call stays open, and the history says that its outcome is not known
	case answer.Status != 200:
		done(verifyfeed.Output{Outcome: verifyfeed.Refused})
		return "", answer.Refusal()
	}
	reader := readEnd
	if c.run.Recorder != nil {
		reader = readPage
	}
	p, ok := reader(answer.Body)
	if !ok {
		return "", unreadable
	}
	done(p.output())
	c.walk.next = p.Next
	return string(p.Feed.State), ""
}

// unreadable is the failure of an answer whose body is none of the API.
const unreadable = "unreadable answer"

// pagePath returns the path of a page. Its tokens need no escapes.
func pagePath(in verifyfeed.Input) string {
	path := "/v1/feed?limit=" + strconv.Itoa(in.Limit)
	if in.After != "" {
		path += "&after=" + in.After
	}
	if in.Cursor != "" {
		path += "&cursor=" + in.Cursor
	}
	return path
}

// post publishes a post. A repetition has the same Idempotency-Key.
func (c *customer) post(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string) {
	author := c.what.user
	key := c.run.Name + "-" + strconv.FormatInt(arrival, 10)
	text := textOf(key, c.what.words)
	body := `{"text":"` + text + `"}`
	if c.what.product >= 0 {
		body = `{"text":"` + text + `","product_id":"` + c.products[c.what.product] + `"}`
	}
	c.Post("/v1/posts", c.people.tokens[author], key, body)
	done := record(c.run.Recorder, c.Number, verifyfeed.Post, verifyfeed.Input{User: c.people.ids[author], Key: key, Text: text})
	sent := time.Now()
	answer, unsure, err := c.Send(ctx, true, deadline)
	switch {
	case err != nil:
		return "", load.FailureOf(err)
	case answer.Status != 201:
		done(refusal(answer, unsure))
		return "", answer.Refusal()
	}
	acknowledged := time.Now()
	var made struct {
		ID   string `json:"id"`
		AsOf string `json:"as_of"`
	}
	if json.Unmarshal(answer.Body, &made) != nil || made.ID == "" {
		return "", unreadable
	}
	done(verifyfeed.Output{Outcome: verifyfeed.OK, Post: made.ID, AsOf: made.AsOf})
	c.wrote(author, made.AsOf)
	post := published{author, made.ID}
	c.streams.posted(post, sent, acknowledged)
	if !c.what.watched || !c.watchers.posted(post, c.what.choice, acknowledged) {
		c.keep(post) // a post that is watched is never deleted
	}
	return "posted", ""
}

const filler = "the lamp is back in stock and the mug too so come and see what is new this week before all of it is gone again "

// textOf returns a text of so many words that begins with the key, which makes it unique.
func textOf(key string, words int) string {
	all := strings.Fields(filler)
	text := []string{"agora load", key}
	for i := range words {
		text = append(text, all[i%len(all)])
	}
	return strings.Join(text, " ")
}

// delete deletes the oldest post of the run that may be deleted. If there is none, it publishes one first.
func (c *customer) delete(ctx context.Context, arrival int64, deadline time.Time) (outcome, failure string) {
	post, ok := c.take()
	if !ok {
		c.what.product, c.what.watched = -1, false
		if _, failure = c.post(ctx, arrival, deadline); failure != "" {
			return "", failure
		}
		if post, ok = c.take(); !ok {
			return "posted", "" // another customer was first
		}
	}
	c.streams.deleting(post)
	c.Request("DELETE", "/v1/posts/"+post.id, c.people.tokens[post.author])
	done := record(c.run.Recorder, c.Number, verifyfeed.Delete, verifyfeed.Input{User: c.people.ids[post.author], Post: post.id})
	return c.write(ctx, post.author, "deleted", done, deadline)
}

// edge follows, blocks or mutes, or ends that.
func (c *customer) edge(ctx context.Context, deadline time.Time) (outcome, failure string) {
	touched := edgeOf(c.what.kind, c.what.user, c.what.other)
	c.people.graph.touch(touched, touched.kind == Follow && c.people.followed[touched.user][touched.other])
	e, user, other := edges[c.what.kind], c.what.user, c.people.ids[c.what.other]
	c.Request(e.method, "/v1/users/"+other+e.route, c.people.tokens[user])
	done := record(c.run.Recorder, c.Number, e.kind, verifyfeed.Input{User: c.people.ids[user], Other: other})
	return c.write(ctx, user, "changed", done, deadline)
}

// write sends a request whose answer has no body.
func (c *customer) write(
	ctx context.Context, user int, success string, done func(verifyfeed.Output), deadline time.Time,
) (outcome, failure string) {
	answer, unsure, err := c.Send(ctx, false, deadline)
	switch {
	case err != nil:
		return "", load.FailureOf(err)
	case answer.Status == 404 && unsure:
		done(verifyfeed.Output{Outcome: verifyfeed.Unknown}) // a deletion whose answer was lost
		return success, ""
	case answer.Status != 204:
		done(refusal(answer, unsure))
		return "", answer.Refusal()
	case answer.AsOf == "":
		return "", unreadable
	}
	done(verifyfeed.Output{Outcome: verifyfeed.OK, AsOf: answer.AsOf})
	c.wrote(user, answer.AsOf)
	return success, ""
}

// refusal returns what the history records of an answer that is not a success. unsure means that an earlier request got no answer.
func refusal(answer load.Reply, unsure bool) verifyfeed.Output {
	if !unsure && (answer.Status < 500 || answer.Problem().Code == "overloaded") {
		return verifyfeed.Output{Outcome: verifyfeed.Refused}
	}
	return verifyfeed.Output{Outcome: verifyfeed.Unknown}
}
