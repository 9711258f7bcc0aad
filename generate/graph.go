package generate

import (
	"math"
	"slices"
)

// Graph is who follows whom among shoppers, by their numbers. It has no state: whom a shopper follows is computed from the seed and
// from the numbers of shoppers and follows, in a few microseconds.
//
// A third of the follows are of friends. Shoppers with neighbouring numbers make a circle, in which each pair are friends with the
// same chance. So friends follow each other, and friends of friends are often friends (Watts and Strogatz, Nature 393, 1998). The
// others are drawn by rank: the author at rank r has about r^-0.6 as many followers as the first one, so that the numbers of followers
// have a power law with exponent 2.7, as those of social networks do (Clauset, Shalizi and Newman, SIAM Review 51, 2009).
type Graph struct {
	plan   Plan
	circle int     // shoppers in a circle
	drawn  float64 // the average number of follows that are drawn by rank
	ranks  scattering
}

const (
	friendShare = 1.0 / 3
	friendship  = 0.5 // the chance that two shoppers of a circle are friends
	rankPower   = 2.5 // 1 / (1 - 0.6)
	mostFollows = 8   // times the average
)

// Graph returns who follows whom.
func (p Plan) Graph() Graph {
	friends := friendShare * float64(p.Follows)
	circle := 1 + int(math.Round(friends/friendship))
	return Graph{
		plan: p, circle: circle, ranks: newScattering(p.Users),
		drawn: float64(p.Follows) - friendship*float64(circle-1),
	}
}

// Author returns the number of the shopper at a rank of popularity, from 0.
func (g Graph) Author(rank int) int { return g.ranks.at(rank) }

// Followed returns the numbers of all whom shopper number i follows, ascending. Each shopper follows somebody.
func (g Graph) Followed(i int) []int {
	followed := g.friends(i)
	random := g.plan.random(ofFollow, i)
	wanted := len(followed) + g.draws(random)
	known := make(map[int]bool, wanted)
	known[i] = true
	for _, n := range followed {
		known[n] = true
	}
	for tries := 4 * wanted; len(followed) < wanted && tries > 0; tries-- {
		n := g.Author(rankOf(random, g.plan.Users))
		if !known[n] {
			known[n] = true
			followed = append(followed, n)
		}
	}
	slices.Sort(followed)
	return followed
}

// draws returns how many follows are drawn. Their number is distributed exponentially: many shoppers follow few, and few follow many.
func (g Graph) draws(random entropy) int {
	n := g.drawn * min(random.ExpFloat64(), mostFollows)
	whole := math.Floor(n)
	if random.Float64() < n-whole {
		whole++
	}
	return int(min(max(whole, 1), float64(g.plan.Users)/2))
}

// friends returns the friends of a shopper, who are in the same circle.
func (g Graph) friends(i int) (friends []int) {
	first := i - i%g.circle
	for n := first; n < min(first+g.circle, g.plan.Users); n++ {
		if n != i && g.befriended(min(i, n), max(i, n)) {
			friends = append(friends, n)
		}
	}
	return friends
}

// befriended reports whether two shoppers, of whom the first has the lower number, are friends.
func (g Graph) befriended(a, b int) bool {
	drawn := mix(mix(mix(g.plan.Seed+ofFriend)+uint64(a)) + uint64(b))
	return float64(drawn)/math.MaxUint64 < friendship
}

// rankOf draws a rank from 0 to n-1.
func rankOf(random entropy, n int) int {
	return min(int(float64(n)*math.Pow(random.Float64(), rankPower)), n-1)
}
