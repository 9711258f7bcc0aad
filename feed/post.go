package feed

import "time"

// Post is what an author wrote. There is no edit.
type Post struct {
	ID        PostID
	Author    UserID
	Text      string
	Product   string // identifier of a product that the post is about; empty for none
	ReplyTo   PostID // the post that it answers; zero for none
	Media     []string
	CreatedAt time.Time

	At      Position // where the first record of the post stands; zero before it was appended
	Deleted Position // where the record of its deletion stands; zero for a post that is there
	Parent  Parent   // where the record of ReplyTo stands

	Form *Form // nil for a post that is not kept in memory
}

// Parent is where the record of a replied post stands. The zero Parent stands nowhere.
type Parent struct {
	Partition int
	At        Position
}

// Entry is a post as lists of posts hold it.
type Entry struct {
	Post   PostID
	Author UserID
	At     Position // zero if a store knows of nothing but the post's deletion
}

// Entry returns the post's entry.
func (p *Post) Entry() Entry { return Entry{Post: p.ID, Author: p.Author, At: p.At} }
