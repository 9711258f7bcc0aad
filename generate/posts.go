package generate

import (
	"fmt"
	"strings"
	"time"

	"agora/feed"
	"agora/ident"
)

const (
	postBatch  = 500
	replyReach = 2 * postBatch // how many posts before its batch a reply may answer
	writing    = 365 * 24 * time.Hour
)

// Writings returns how many posts there are.
func (p Plan) Writings() int { return p.Users * p.Posts }

// PostID returns the identifier of post number i. Posts are numbered in the order of their times.
func (p Plan) PostID(i int) string {
	random := p.random(ofPostID, i)
	share := (float64(i) + random.Float64()) / float64(p.Writings())
	return ident.At(ident.Post, firstSale.Add(time.Duration(share*float64(writing))), random)
}

// PostAuthor returns the number of the shopper who wrote post number i. Half of the posts are by anybody, the others by authors with
// many followers.
func (p Plan) PostAuthor(i int) int {
	random := p.random(ofAuthor, i)
	if random.IntN(2) == 0 {
		return random.IntN(p.Users)
	}
	rank := random.Float64()
	return newScattering(p.Users).at(int(float64(p.Users) * rank * rank))
}

// post returns what the author of post number i wrote: about a product, with a link to a picture, a reply to one of the posts before
// its batch, or a few words.
func (p Plan) post(i int) feed.Post {
	random := p.random(ofPost, i)
	var made feed.Post
	switch kind, older := random.IntN(100), i-i%postBatch; {
	case kind < 20 && p.Products > 0:
		number := popular(random, p.Products)
		made.Product = p.ProductID(number)
		made.Text = fmt.Sprintf(pick(random, praises), p.product(number).Name)
	case kind < 35 && older > 0:
		made.ReplyTo = postID(p.PostID(older - 1 - random.IntN(min(older, replyReach))))
		made.Text = pick(random, answers)
	case kind < 45:
		made.Media = []string{fmt.Sprintf("https://images.example.com/%d/%d.jpg", p.Seed, i)}
		made.Text = p.remark(random)
	default:
		made.Text = p.remark(random)
	}
	return made
}

// remark returns a few words about a thing.
func (p Plan) remark(random entropy) string {
	s := shelves[random.IntN(len(shelves))]
	thing := strings.ToLower(pick(random, s.materials) + " " + pick(random, s.nouns))
	text := fmt.Sprintf(pick(random, remarks), thing)
	if random.IntN(3) == 0 {
		text += " " + pick(random, s.uses)
	}
	if random.IntN(4) == 0 {
		text += " #" + strings.ReplaceAll(s.category, "-", "")
	}
	return text
}

// postID and userID read identifiers that this package has made.
func postID(id string) feed.PostID {
	parsed, err := feed.ParsePostID(id)
	if err != nil {
		panic("generate: " + err.Error())
	}
	return parsed
}

func userID(id string) feed.UserID {
	parsed, err := feed.ParseUserID(id)
	if err != nil {
		panic("generate: " + err.Error())
	}
	return parsed
}
