package feed

import (
	"encoding/json"
	"errors"
	"time"

	"agora/feed"
)

var errDamaged = errors.New("a stored row is damaged")

// content is what an author wrote, as the column of that name holds it. It is one cell, so that of two records of one post the
// whole of one is kept. Its form is pinned by TestContentKeepsItsForm.
type content struct {
	Text      string        `json:"text"`
	CreatedAt time.Time     `json:"created_at"`
	Product   string        `json:"product_id,omitempty"`
	Media     []string      `json:"media,omitempty"`
	ReplyTo   *feed.PostID  `json:"reply_to,omitempty"`
	Parent    *storedParent `json:"parent,omitempty"`
}

type storedParent struct {
	Partition int           `json:"partition"`
	At        feed.Position `json:"at"`
}

func encodeContent(p *feed.Post) (string, error) {
	c := content{Text: p.Text, CreatedAt: p.CreatedAt, Product: p.Product, Media: p.Media}
	if p.ReplyTo != (feed.PostID{}) {
		c.ReplyTo = &p.ReplyTo
	}
	if p.Parent != (feed.Parent{}) {
		c.Parent = &storedParent{p.Parent.Partition, p.Parent.At}
	}
	text, err := json.Marshal(c)
	return string(text), err
}

func decodeContent(text string, p *feed.Post) error {
	var c content
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	p.Text, p.CreatedAt, p.Product, p.Media = c.Text, c.CreatedAt, c.Product, c.Media
	if c.ReplyTo != nil {
		p.ReplyTo = *c.ReplyTo
	}
	if c.Parent != nil {
		p.Parent = feed.Parent{Partition: c.Parent.Partition, At: c.Parent.At}
	}
	return nil
}
