package feed

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"agora/fault"
	"agora/pattern/audit"
)

// Audit compares the stores of a feed with its log and with each other, and the feeds that a Reader shows with those that
// follow from posts and edges alone. Nothing may write to the stores during an audit, and the tail and the timelines
// have to have reached the end of the log: see Node.CatchUp.
//
// It goes through the stores user by user and post by post, so that memory contains one user's feed at a time.
type Audit struct {
	Service   *Service  // its Reader must have no bounds
	Threshold Threshold // of Hybrid
	Users     int       // how many users' feeds are read; 0 means all
}

// UserScan is what an audit reads of a GraphStore that can list its users.
type UserScan interface {
	// EachUser calls visit once for each user who was ever followed or blocked, and for each who ever followed, blocked or muted
	// somebody. It may call it for others. visit may read from the store.
	EachUser(ctx context.Context, visit func(UserID) error) error
}

// PostScan is what an audit reads of a PostStore that can list its posts.
type PostScan interface {
	// EachPost calls visit once for each post, deleted ones too. visit may read from the store.
	EachPost(ctx context.Context, visit func(Post) error) error
}

// auditing is the state of an audit while it runs.
type auditing struct {
	*Service
	threshold Threshold
	users     int
	report    audit.Report
	end       Reach
	oldest    Reach // the oldest records of the log
	head      Head
	sample    *sample
	modes     map[UserID]Modes // of all authors who were ever pulled
}

// Run audits. An error means that the audit failed; differences are in the report. If the log or the timelines changed
// during the audit, the report may be wrong, and Run fails with the Conflict audit_disturbed.
func (a Audit) Run(ctx context.Context) (audit.Report, error) {
	r := &auditing{Service: a.Service, threshold: a.Threshold, users: a.Users, sample: newSample(a.Users), modes: map[UserID]Modes{}}
	for _, part := range []func(context.Context) error{
		r.begin, r.rows, r.records, r.posts, r.graph, r.authors, r.feeds, r.undisturbed,
	} {
		if err := part(ctx); err != nil {
			return r.report, fmt.Errorf("audit: %w", err)
		}
	}
	return r.report, nil
}

func (r *auditing) begin(ctx context.Context) (err error) {
	if r.oldest, r.end, err = r.bounds(ctx); err != nil {
		return err
	}
	if r.head, _, err = r.Timelines.Head(ctx); err != nil {
		return err
	}
	modes, err := r.Graph.Modes(ctx)
	for _, m := range modes {
		r.modes[m.Author] = m
	}
	return err
}

// bounds returns the oldest records and the end of the log.
func (r *auditing) bounds(ctx context.Context) (oldest, end Reach, err error) {
	b := Builder{Epoch: r.Epoch, Log: r.Log}
	posts, graph, err := b.ends(ctx)
	if err != nil {
		return Reach{}, Reach{}, err
	}
	for _, p := range posts {
		oldest.Posts = append(oldest.Posts, At(r.Epoch, p.Oldest))
	}
	for _, p := range graph {
		oldest.Graph = append(oldest.Graph, At(r.Epoch, p.Oldest))
	}
	return oldest, Reach{Posts: b.positions(posts), Graph: b.positions(graph)}, nil
}

// undisturbed fails if something was written since the audit began.
func (r *auditing) undisturbed(ctx context.Context) error {
	_, end, err := r.bounds(ctx)
	if err != nil {
		return err
	}
	head, _, err := r.Timelines.Head(ctx)
	if err != nil {
		return err
	}
	same := func(a, b Row) bool { return a.Graph == b.Graph && slices.Equal(a.Posts, b.Posts) }
	if !r.end.Includes(end) || head.Epoch != r.head.Epoch || !slices.EqualFunc(head.Rows, r.head.Rows, same) {
		return fault.New(fault.Conflict, "audit_disturbed", "the feed was written to while it was audited; stop it first")
	}
	return nil
}

// rows checks that the timelines belong to the log and reach its end.
func (r *auditing) rows(ctx context.Context) error {
	check := r.report.Begin("rows", "timelines and graph are of the log's present epoch, and have reached its end")
	if r.head.Epoch == 0 || len(r.head.Rows) != r.Shape.Graph || r.head.Strategy != r.Strategy {
		check.Differ("the timelines have epoch %d, strategy %q and %d partitions; want strategy %q and %d partitions",
			r.head.Epoch, r.head.Strategy, len(r.head.Rows), r.Strategy, r.Shape.Graph)
		return nil
	}
	for p, row := range r.head.Rows {
		check.Compared++
		if row.Graph != r.end.Graph[p] || !slices.Equal(row.Posts, r.end.Posts) {
			check.Differ("the timelines of partition %d have reached %v and %v; the log ends at %v and %v", p, row.Graph, row.Posts, r.end.Graph[p], r.end.Posts)
		}
		reached, ok, err := r.Graph.Reach(ctx, p)
		if err != nil {
			return err
		}
		if ok && (reached.Graph < row.Graph || !reached.Posts.Includes(row.Posts)) {
			check.Differ("the timelines of partition %d have reached %v, and the graph only %v", p, row, reached)
		}
	}
	starts, err := r.Graph.Starts(ctx)
	if err != nil {
		return err
	}
	check.Compared++
	if n := len(starts); n == 0 || starts[n-1].Epoch != r.Epoch || !starts[n-1].Marked {
		check.Differ("the log is in epoch %d, and the graph knows the epochs %v", r.Epoch, starts)
	}
	return nil
}

// eachUser calls visit for all users that are known. Without a UserScan these are the users who act in the log, some of
// them more than once.
func (r *auditing) eachUser(ctx context.Context, visit func(UserID) error) error {
	if scan, ok := r.Graph.(UserScan); ok {
		return scan.EachUser(ctx, visit)
	}
	return r.eachRecord(ctx, GraphTopic, func(rec Record) error { return visit(rec.Actor) })
}

// eachRecord calls visit for each record of a topic that the log has and that this program knows.
func (r *auditing) eachRecord(ctx context.Context, topic string, visit func(Record) error) error {
	b := Builder{Epoch: r.Epoch, Log: r.Log, Records: runRecords}
	for p, at := range r.oldest.of(topic) {
		for end := r.end.of(topic)[p]; at < end; {
			records, err := b.readLog(ctx, topic, p, at)
			if err != nil {
				return err
			}
			if len(records) == 0 {
				break
			}
			for _, rec := range records {
				if !rec.known() {
					continue
				}
				if err := visit(rec); err != nil {
					return err
				}
			}
			at = records[len(records)-1].At + 1
		}
	}
	return nil
}

// sample chooses users by the hash of their identifiers, so that the same ones are chosen in whatever order they come.
type sample struct {
	size   int // 0 for all users
	chosen map[UserID]uint64
	limit  uint64 // the greatest hash of a chosen user, once the sample is full
}

// sampleOver is how many times more users are chosen than are read, so that some of each sort can be picked.
const sampleOver = 4

func newSample(size int) *sample {
	return &sample{size: size * sampleOver, chosen: map[UserID]uint64{}, limit: 1<<64 - 1}
}

func (s *sample) add(user UserID) {
	rng := rand.New(rand.NewChaCha8([32]byte(slices.Concat(user[:], user[:]))))
	hash := rng.Uint64()
	if hash > s.limit {
		return
	}
	s.chosen[user] = hash
	if s.size == 0 || len(s.chosen) < 2*s.size {
		return
	}
	hashes := slices.Sorted(maps.Values(s.chosen))
	s.limit = hashes[s.size-1]
	maps.DeleteFunc(s.chosen, func(_ UserID, hash uint64) bool { return hash > s.limit })
}

// users returns the chosen users, in the order of their hashes.
func (s *sample) users() []UserID {
	users := slices.Collect(maps.Keys(s.chosen))
	slices.SortFunc(users, func(a, b UserID) int {
		switch x, y := s.chosen[a], s.chosen[b]; {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return a.Compare(b)
	})
	return users
}
