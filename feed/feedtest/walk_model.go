package feedtest

import (
	"slices"

	"pgregory.net/rapid"

	"agora/feed"
	"agora/pattern/eventlog"
)

// walkModel says what a feed has to show: it folds the log, which is of the first epoch.
type walkModel struct {
	log     *eventlog.Memory
	records map[string][][]feed.Record // by topic and partition
}

// read returns the records of a topic.
func (m *walkModel) read(r *rapid.T, topic string, partitions int) [][]feed.Record {
	if m.records == nil {
		m.records = map[string][][]feed.Record{}
	}
	if m.records[topic] == nil {
		m.records[topic] = make([][]feed.Record, partitions)
	}
	for p, known := range m.records[topic] {
		messages, err := m.log.Read(r.Context(), topic, p, int64(len(known)), 1<<20)
		mustDraw(r, err)
		for _, message := range messages {
			record, err := feed.Decode(1, message)
			mustDraw(r, err)
			m.records[topic][p] = append(m.records[topic][p], record)
		}
	}
	return m.records[topic]
}

// wanted returns what a walk shows below an identifier: the posts before asOf.Posts of the authors who were followed at asOf.Moment,
// without those that were deleted, blocked or muted by then, newest first.
func (m *walkModel) wanted(r *rapid.T, user feed.UserID, asOf feed.AsOf, before feed.PostID) (ids []feed.PostID) {
	edges := map[feed.EdgeKey]bool{}
	for p, records := range m.read(r, feed.GraphTopic, WalkShape.Graph) {
		for _, record := range records {
			if key, on, ok := record.Edge(); ok && record.At < asOf.Moment.Graph[p] {
				edges[key] = on
			}
		}
	}
	sees := func(author feed.UserID) bool {
		return author == user || edges[feed.EdgeKey{Kind: feed.Follow, From: user, To: author}] &&
			!edges[feed.EdgeKey{Kind: feed.Mute, From: user, To: author}] &&
			!edges[feed.EdgeKey{Kind: feed.Block, From: user, To: author}] && !edges[feed.EdgeKey{Kind: feed.Block, From: author, To: user}]
	}
	shown := map[feed.PostID]bool{}
	for p, records := range m.read(r, feed.PostsTopic, WalkShape.Posts) {
		for _, record := range records {
			switch {
			case record.Post != nil && record.At < asOf.Posts[p] && record.Post.ID.Compare(before) < 0 && sees(record.Actor):
				shown[record.Post.ID] = true
			case record.PostID != feed.PostID{} && record.At < asOf.Moment.Posts[p]:
				delete(shown, record.PostID)
			}
		}
	}
	for id := range shown {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b feed.PostID) int { return b.Compare(a) })
	return ids
}
