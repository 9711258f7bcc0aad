package feed

import (
	"context"
	"fmt"

	"agora/fault"
	"agora/pattern/eventlog"
)

// Importer adds many posts and follows at once, while no server runs. Posts are records of the log, as those of a Service are.
// Follows go into the GraphStore as if the last record of the log had begun them. An edge that was ever set, on or off, stays as it
// is. So each call can be repeated, and changes nothing the second time.
//
// The timelines are given up when the first thing is added, so that they are built again from the posts and follows that are there.
// Call Finish at the end. Until then, servers show everything that was added, but counts of followers may be too low.
type Importer struct {
	Shape     Shape
	Log       eventlog.Log
	Posts     PostStore
	Graph     GraphStore
	Timelines TimelineStore
	Strategy  Strategy  // of the servers
	Threshold Threshold // of Hybrid

	builder *Builder // nil before the log is open
	leads   []*Lead  // of all partitions; nil before the first thing is added
	counts  bool     // the log has the marks that counts need
}

const (
	importRecords = 2000 // of a partition in a run
	importGroup   = "feed.import."
)

// Imported reports whether SetImported was called for a source.
func (im *Importer) Imported(ctx context.Context, source string) (bool, error) {
	if err := im.open(ctx); err != nil {
		return false, err
	}
	_, ok, err := im.Log.Committed(ctx, importGroup+source, GraphTopic, 0)
	return ok, err
}

// SetImported stores that all follows of a source are imported and counted. The name of the source is one of an eventlog group.
func (im *Importer) SetImported(ctx context.Context, source string) error {
	if err := im.begin(ctx); err != nil {
		return err
	}
	return im.Log.Commit(ctx, importGroup+source, GraphTopic, 0, im.leads[0].fence.Row.Graph.Offset())
}

// open finds out which epoch the log is in.
func (im *Importer) open(ctx context.Context) error {
	if im.builder != nil {
		return nil
	}
	starts, err := Epochs{Shape: im.Shape, Log: im.Log, Graph: im.Graph}.Open(ctx, false)
	if err != nil {
		return fmt.Errorf("open the log of the feed: %w", err)
	}
	im.builder = &Builder{
		Shape: im.Shape, Epoch: starts[len(starts)-1].Epoch, Starts: starts,
		Log: im.Log, Posts: im.Posts, Graph: im.Graph, Timelines: im.Timelines,
		Strategy: Pull, Records: importRecords,
	}
	return nil
}

// begin brings the stores to the end of the log. Its builder pulls everything: the servers, which have another strategy or find
// that pages are pulled, begin new timelines after it.
func (im *Importer) begin(ctx context.Context) error {
	if im.leads != nil {
		return nil
	}
	if err := im.open(ctx); err != nil {
		return err
	}
	leads := make([]*Lead, im.Shape.Graph)
	for p := range leads {
		var err error
		if leads[p], err = im.builder.Claim(ctx, p); err != nil {
			return fmt.Errorf("give up the timelines: %w", err)
		}
	}
	im.leads = leads
	return im.fold(ctx)
}

// fold brings the stores to the end of the log.
func (im *Importer) fold(ctx context.Context) error {
	for {
		stats, err := im.builder.Run(ctx, im.leads...)
		if err != nil {
			return fmt.Errorf("read the log of the feed: %w", err)
		}
		if stats.Partitions == 0 {
			return nil
		}
	}
}

// Finish brings the stores to the end of the log, if anything was added, so that a server that starts has nothing to catch up with.
func (im *Importer) Finish(ctx context.Context) error {
	if im.leads == nil {
		return nil
	}
	return im.fold(ctx)
}

// AddPosts publishes posts, in their order, and leaves out those that are there. A reply needs its parent in an earlier call.
// Positions are set by AddPosts, and the time of a post is that of its identifier.
func (im *Importer) AddPosts(ctx context.Context, posts ...Post) error {
	if err := im.begin(ctx); err != nil { // posts that a crash has left out of the store are in it after that
		return err
	}
	known, err := im.known(ctx, posts)
	if err != nil {
		return err
	}
	fresh := make([]Post, 0, len(posts))
	records := make([]eventlog.Record, 0, len(posts))
	for _, p := range posts {
		if _, there := known[p.ID]; there {
			continue
		}
		if err := im.prepare(&p, known); err != nil {
			return fmt.Errorf("post %s: %w", p.ID, err)
		}
		fresh = append(fresh, p)
		records = append(records, PostRecord(&p))
	}
	if len(fresh) == 0 {
		return nil
	}
	at, err := im.Log.Append(ctx, PostsTopic, records...)
	if err != nil {
		return err
	}
	for i := range fresh {
		fresh[i].At = At(im.builder.Epoch, at[i].Offset)
	}
	return im.Posts.Insert(ctx, fresh...)
}

// known returns which of the posts and of their parents are there.
func (im *Importer) known(ctx context.Context, posts []Post) (map[PostID]Post, error) {
	ids := make([]PostID, 0, len(posts))
	for _, p := range posts {
		ids = append(ids, p.ID)
		if p.ReplyTo != (PostID{}) {
			ids = append(ids, p.ReplyTo)
		}
	}
	found, err := im.Posts.Get(ctx, ids...)
	if err != nil {
		return nil, err
	}
	known := make(map[PostID]Post, len(found))
	for _, p := range found {
		known[p.ID] = p
	}
	return known, nil
}

// prepare checks a post as a Service does, and sets what follows from its identifier and its parent.
func (im *Importer) prepare(p *Post, known map[PostID]Post) error {
	if err := (NewPost{Text: p.Text, Product: p.Product, ReplyTo: p.ReplyTo, Media: p.Media}).Check(); err != nil {
		return err
	}
	p.CreatedAt, p.Parent = p.ID.Made(), Parent{}
	if p.ReplyTo == (PostID{}) {
		return nil
	}
	parent, ok := known[p.ReplyTo]
	if !ok || parent.Deleted != 0 {
		return fault.ErrInvalid("reply_to", "does not exist")
	}
	p.Parent = Parent{Partition: im.Shape.PostsOf(parent.Author), At: parent.At}
	return nil
}
