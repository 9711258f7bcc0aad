package feed

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"agora/generate"
	"agora/lab/load"
	"agora/lab/verify"
	verifyfeed "agora/lab/verify/feed"
)

// people are the users of a run, with numbers from 0.
//
// A few users after each one, by number, are its partners: the load follows and unfollows, blocks and mutes partners alone. So
// every other follow holds for the whole run, and what a follower has to see is known.
type people struct {
	ids, tokens []string
	numbers     map[string]int // by id
	followers   [][]int        // by author: those whose follow holds for the whole run
	follows     int            // how many of these
	followed    []map[int]bool // by user: whom the user followed before the load
	graph       graph
}

// setupClient is the client of the history that follows before the load. Customers have the numbers from 1.
const setupClient = 0

// findPeople issues tokens to users of the plan, spread evenly over them, and finds out whom they follow.
func findPeople(ctx context.Context, run load.Run, s Scenario) (*people, error) {
	users := min(s.Users, s.Generated.Users)
	p := &people{
		ids: make([]string, users), tokens: make([]string, users), numbers: map[string]int{}, followers: make([][]int, users),
		followed: make([]map[int]bool, users), graph: graph{was: map[edge]bool{}},
	}
	for i := range users {
		p.ids[i] = s.Generated.UserID(i * s.Generated.Users / users)
		p.numbers[p.ids[i]] = i
	}
	run.Doing(fmt.Sprintf("issuing tokens to %d users", users))
	if err := p.issueTokens(ctx, run); err != nil {
		return nil, err
	}
	run.Doing("reading whom they follow")
	following := make([]map[int]bool, users)
	err := load.Each(ctx, users, func(ctx context.Context, i int) (err error) {
		if p.followed[i], err = p.following(ctx, run, i); err == nil {
			following[i] = maps.Clone(p.followed[i])
			err = p.follow(ctx, run, i, s.Follows, following[i])
		}
		if err == nil && run.Recorder != nil {
			err = p.confirm(ctx, run, i)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, p.restore(context.WithoutCancel(ctx), run))
	}
	for i, authors := range following {
		for author := range authors {
			if !p.partners(i, author) {
				p.followers[author] = append(p.followers[author], i)
				p.follows++
			}
		}
	}
	return p, nil
}

func (p *people) issueTokens(ctx context.Context, run load.Run) error {
	ttl := int64((run.WarmUp+run.Duration)/1e9) + 24*60*60
	return load.Each(ctx, len(p.ids), func(ctx context.Context, i int) error {
		request := struct {
			UserID string `json:"user_id"`
			Role   string `json:"role"`
			TTL    int64  `json:"ttl"`
			Note   string `json:"note"`
		}{p.ids[i], "shopper", ttl, "agora load"}
		var credential struct {
			Token string `json:"token"`
		}
		if err := run.API.Call(ctx, "POST", "/v1/tokens", request, &credential); err != nil {
			return fmt.Errorf("issue a token to user %s: %w", p.ids[i], err)
		}
		p.tokens[i] = credential.Token
		return nil
	})
}

// following returns those of the people whom a user follows.
func (p *people) following(ctx context.Context, run load.Run, user int) (map[int]bool, error) {
	followed := map[int]bool{}
	for cursor := ""; ; {
		var page struct {
			Items []struct {
				ID string `json:"id"`
			} `json:"items"`
			Next string `json:"next"`
		}
		if err := run.API.Call(ctx, "GET", "/v1/users/"+p.ids[user]+"/following?limit=100&cursor="+cursor, nil, &page); err != nil {
			return nil, fmt.Errorf("read whom user %s follows: %w", p.ids[user], err)
		}
		for _, item := range page.Items {
			if n, ok := p.numbers[item.ID]; ok {
				followed[n] = true
			}
		}
		if cursor = page.Next; cursor == "" {
			return followed, nil
		}
	}
}

// popular is for how many wanted follows everybody follows one more of the most popular authors. There is at least one.
const popular = 50

// follow lets a user follow others until the user follows as many as wanted: first the most popular authors, whom so nearly all users
// follow, and then others by popularity.
func (p *people) follow(ctx context.Context, run load.Run, user, wanted int, followed map[int]bool) error {
	n := len(p.ids)
	random := rand.New(rand.NewPCG(run.Seed, uint64(user)))
	c := run.Connect(setupClient)
	defer c.Hangup()
	for tries := 0; len(followed) < wanted && tries < 100*wanted; tries++ {
		reader := tries
		if tries > wanted/popular {
			reader = generate.Plan{Products: n}.PopularProduct(random)
		}
		other := p.author(min(reader, n-1))
		if other == user || followed[other] || p.partners(user, other) {
			continue
		}
		p.graph.touch(edge{Follow, user, other}, false)
		if err := p.set(ctx, run, c, Follow, user, other); err != nil {
			return err
		}
		followed[other] = true
	}
	return nil
}

// mostFollowers returns how many followers the most popular author has among the users of the run.
func (p *people) mostFollowers() (most int) {
	for _, followers := range p.followers {
		most = max(most, len(followers))
	}
	return most
}

// author returns the user who posts as often as another one reads.
func (p *people) author(reader int) int { return len(p.ids) - 1 - reader }

// slots are the partners of a user: how far their numbers are from the user's.
var slots = map[load.Kind][]int{
	Follow: {1, 2, 3, 4}, Unfollow: {1, 2, 3, 4}, Block: {5}, Unblock: {5}, Mute: {6}, Unmute: {6},
}

// partner returns whom a user follows to unmutes.
func (p *people) partner(user int, kind load.Kind, random *rand.Rand) int {
	far := slots[kind]
	return p.after(user, far[random.IntN(len(far))])
}

// after returns the user whose number is so far from a user's. It is another one.
func (p *people) after(user, far int) int {
	n := len(p.ids)
	return (user + 1 + (far-1)%(n-1)) % n
}

// partners reports whether the load changes what a follower sees of an author.
func (p *people) partners(follower, author int) bool {
	if p.after(author, slots[Block][0]) == follower {
		return true
	}
	return slices.ContainsFunc([]load.Kind{Follow, Block, Mute}, func(kind load.Kind) bool {
		return slices.ContainsFunc(slots[kind], func(far int) bool { return p.after(follower, far) == author })
	})
}

// edges are the kinds of a history, by those of requests, and the routes.
var edges = map[load.Kind]struct {
	kind          verify.Kind
	method, route string
}{
	Follow: {verifyfeed.Follow, "PUT", "/follow"}, Unfollow: {verifyfeed.Unfollow, "DELETE", "/follow"},
	Block: {verifyfeed.Block, "PUT", "/block"}, Unblock: {verifyfeed.Unblock, "DELETE", "/block"},
	Mute: {verifyfeed.Mute, "PUT", "/mute"}, Unmute: {verifyfeed.Unmute, "DELETE", "/mute"},
}
