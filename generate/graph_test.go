package generate_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	"agora/fault"
	"agora/generate"
)

// TestTheGraphKeepsItsForm pins the follows of a seed: an interrupted run of an older program is completed with them.
func TestTheGraphKeepsItsForm(t *testing.T) {
	g := generate.Plan{Users: 1000, Follows: 10, Seed: 7}.Graph()
	hash := sha256.New()
	for i := range 1000 {
		fmt.Fprintln(hash, i, g.Followed(i))
	}
	if got, want := hex.EncodeToString(hash.Sum(nil))[:16], "eb3ab58c432d7c80"; got != want {
		t.Errorf("the graph is %s, want %s", got, want)
	}
	if got, want := fmt.Sprint(g.Followed(3)), "[0 2 4 5 426 662]"; got != want {
		t.Errorf("shopper 3 follows %s, want %s", got, want)
	}
}

// TestTheGraphIsLikeASocialNetwork measures averages, the popular authors, mutual follows and clusters.
func TestTheGraphIsLikeASocialNetwork(t *testing.T) {
	const users, follows = 10_000, 20
	g := generate.Plan{Users: users, Follows: follows, Seed: 1}.Graph()
	followed, followers := make([]map[int]bool, users), make([]int, users)
	edges, most, least := 0, 0, users
	for i := range users {
		list := g.Followed(i)
		if !slices.IsSorted(list) || len(slices.Compact(slices.Clone(list))) != len(list) || slices.Contains(list, i) {
			t.Fatalf("shopper %d follows %v, want others, once each and ascending", i, list)
		}
		followed[i] = map[int]bool{}
		for _, n := range list {
			followed[i][n] = true
			followers[n]++
		}
		edges, most, least = edges+len(list), max(most, len(list)), min(least, len(list))
	}
	mutual, triangles, pairs := 0, 0, 0
	for i, list := range followed {
		var friends []int
		for n := range list {
			if followed[n][i] {
				mutual++
				friends = append(friends, n)
			}
		}
		for a := range friends {
			for b := range a {
				pairs++
				if followed[friends[a]][friends[b]] {
					triangles++
				}
			}
		}
	}
	slices.SortFunc(followers, func(a, b int) int { return b - a })
	top := 0
	for _, n := range followers[:users/100] {
		top += n
	}
	within := func(what string, got, low, high float64) {
		t.Helper()
		if got < low || got > high {
			t.Errorf("%s is %.3f, want %.3f to %.3f", what, got, low, high)
		}
	}
	within("the average of follows", float64(edges)/users, 0.95*follows, 1.05*follows)
	within("the greatest number of follows", float64(most), 3*follows, 10*follows)
	within("the least number of follows", float64(least), 1, 5)
	within("the share of follows of the top 1 %", float64(top)/float64(edges), 0.08, 0.2)
	within("the share of mutual follows", float64(mutual)/float64(edges), 0.3, 0.45)
	within("the share of friends of friends who are friends", float64(triangles)/float64(pairs), 0.35, 0.6)
	within("the followers of the first author, to those of the hundredth", float64(followers[0])/float64(followers[99]), 8, 40)
	within("the median of followers", float64(followers[users/2]), 0.4*follows, follows)
}

func TestAGraphNeedsEnoughShoppers(t *testing.T) {
	for name, p := range map[string]generate.Plan{
		"few users": {Users: 20, Follows: 10}, "many follows": {Users: 1e6, Follows: 1001}, "no follows": {Users: 10, Follows: -1},
		"no users": {Posts: 1}, "many posts": {Users: 10, Posts: 1001}, "no posts": {Users: 10, Posts: -1},
	} {
		if err := p.Validate(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: Validate = %v, want an invalid field", name, err)
		}
	}
	small := generate.Plan{Users: 3, Follows: 1}
	for i := range 3 {
		if n := len(small.Graph().Followed(i)); n < 1 || n > 2 {
			t.Errorf("of 3 shoppers, number %d follows %d", i, n)
		}
	}
}
