package feed

import (
	"context"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"
)

// MemoryGraph is the reference of what a GraphStore does. It holds everything in memory.
type MemoryGraph struct {
	shape Shape

	mu       sync.Mutex
	from, to map[UserID]map[EdgeKey]Edge // all edges, on or off, by both ends
	counts   map[UserID][]Count
	reached  map[int]Row
	modes    map[UserID]Modes
	active   map[UserID]time.Time
	starts   []LogStart
}

var (
	_ GraphStore   = (*MemoryGraph)(nil)
	_ FollowLoader = (*MemoryGraph)(nil)
)

// NewMemoryGraph returns an empty store.
func NewMemoryGraph(shape Shape) *MemoryGraph {
	return &MemoryGraph{
		shape: shape, from: map[UserID]map[EdgeKey]Edge{}, to: map[UserID]map[EdgeKey]Edge{},
		counts: map[UserID][]Count{}, reached: map[int]Row{}, modes: map[UserID]Modes{}, active: map[UserID]time.Time{},
	}
}

// Relations implements GraphStore.
func (m *MemoryGraph) Relations(ctx context.Context, user UserID) (Relations, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	rel := Relations{Applied: make(Vector, m.shape.Graph)}
	see := func(e Edge, list *[]Edge) {
		p := m.shape.GraphOf(e.From)
		rel.Applied[p] = max(rel.Applied[p], e.Since+1)
		if e.On {
			*list = append(*list, e)
		}
	}
	lists := map[EdgeKind]*[]Edge{Follow: &rel.Follows, Mute: &rel.Mutes, Block: &rel.Blocks}
	for _, e := range m.from[user] {
		see(e, lists[e.Kind])
	}
	for _, e := range m.to[user] {
		if e.Kind == Block {
			see(e, &rel.Blocks)
		}
	}
	for _, list := range lists {
		slices.SortFunc(*list, func(a, b Edge) int {
			return slices.Compare(append(a.From[:], a.To[:]...), append(b.From[:], b.To[:]...))
		})
	}
	return rel, ctx.Err()
}

// Applied implements GraphStore.
func (m *MemoryGraph) Applied(ctx context.Context, user UserID) (Vector, error) {
	rel, err := m.Relations(ctx, user)
	return rel.Applied, err
}

// Edges implements GraphStore.
func (m *MemoryGraph) Edges(ctx context.Context, keys ...EdgeKey) ([]Edge, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []Edge
	for _, key := range keys {
		if e, ok := m.from[key.From][key]; ok {
			found = append(found, e)
		}
	}
	return found, ctx.Err()
}

// Apply implements GraphStore.
func (m *MemoryGraph) Apply(ctx context.Context, c GraphChanges) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, u := range c.Counts {
		if m.counts[u.User] == nil {
			m.counts[u.User] = make([]Count, m.shape.Graph)
		}
		if known := &m.counts[u.User][c.Partition]; known.Through < u.Through {
			*known = u.Count
		}
	}
	for _, e := range c.Edges {
		if m.from[e.From][e.EdgeKey].Since >= e.Since {
			continue
		}
		put(m.from, e.From, e)
		put(m.to, e.To, e)
	}
	for _, user := range c.Active {
		m.active[user] = time.Now()
	}
	known, ok := m.reached[c.Partition]
	if !ok {
		known = Row{Posts: make(Vector, len(c.Reach.Posts))}
	}
	m.reached[c.Partition] = Row{Posts: upper(known.Posts, c.Reach.Posts), Graph: max(known.Graph, c.Reach.Graph)}
	return nil
}

func put(edges map[UserID]map[EdgeKey]Edge, user UserID, e Edge) {
	if edges[user] == nil {
		edges[user] = map[EdgeKey]Edge{}
	}
	edges[user][e.EdgeKey] = e
}

// Followers implements GraphStore.
func (m *MemoryGraph) Followers(ctx context.Context, user UserID, partition int, from UserID, limit int) ([]UserID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []UserID
	for _, e := range m.to[user] {
		if e.Kind == Follow && e.On && e.From.Compare(from) >= 0 && m.shape.GraphOf(e.From) == partition {
			found = append(found, e.From)
		}
	}
	slices.SortFunc(found, UserID.Compare)
	return found[:min(limit, len(found))], ctx.Err()
}

// FollowersOf implements GraphStore.
func (m *MemoryGraph) FollowersOf(ctx context.Context, partitions []int, limit int, authors ...UserID) ([][][]UserID, error) {
	lists := make([][][]UserID, len(authors))
	for i, author := range authors {
		for _, p := range partitions {
			list, err := m.Followers(ctx, author, p, UserID{}, limit)
			if err != nil {
				return nil, err
			}
			lists[i] = append(lists[i], list)
		}
	}
	return lists, nil
}

// Counts implements GraphStore.
func (m *MemoryGraph) Counts(ctx context.Context, users ...UserID) ([][]Count, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	lists := make([][]Count, len(users))
	for i, user := range users {
		lists[i] = make([]Count, m.shape.Graph)
		copy(lists[i], m.counts[user])
	}
	return lists, ctx.Err()
}

// Reach implements GraphStore.
func (m *MemoryGraph) Reach(ctx context.Context, partition int) (Row, bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	row, ok := m.reached[partition]
	return row, ok, ctx.Err()
}

// PutModes implements GraphStore.
func (m *MemoryGraph) PutModes(ctx context.Context, modes ...Modes) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, n := range modes {
		m.modes[n.Author] = m.modes[n.Author].Merge(n)
	}
	return ctx.Err()
}

// Modes implements GraphStore.
func (m *MemoryGraph) Modes(ctx context.Context, authors ...UserID) ([]Modes, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(authors) == 0 {
		authors = slices.Collect(maps.Keys(m.modes))
	}
	var found []Modes
	for _, author := range authors {
		if modes, ok := m.modes[author]; ok {
			modes.Changes = slices.Clone(modes.Changes)
			found = append(found, modes)
		}
	}
	return found, ctx.Err()
}

// PutStart implements GraphStore.
func (m *MemoryGraph) PutStart(ctx context.Context, start LogStart) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	n := len(m.starts)
	if n == 0 || m.starts[n-1].Epoch < start.Epoch {
		m.starts = append(m.starts, start)
		return nil
	}
	next, ok := start.Succeed(m.starts[n-1])
	if m.starts[n-1].Epoch != start.Epoch || !ok {
		return ErrStale()
	}
	m.starts[n-1] = next
	return nil
}

// Starts implements GraphStore.
func (m *MemoryGraph) Starts(ctx context.Context) ([]LogStart, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.starts), ctx.Err()
}

// Idle implements GraphStore.
func (m *MemoryGraph) Idle(ctx context.Context, partition int, before time.Time, limit int) ([]UserID, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []UserID
	for user, at := range m.active {
		if at.Before(before) && m.shape.GraphOf(user) == partition {
			found = append(found, user)
		}
	}
	slices.SortFunc(found, UserID.Compare)
	return found[:min(limit, len(found))], ctx.Err()
}

// Forget implements GraphStore.
func (m *MemoryGraph) Forget(ctx context.Context, before time.Time, users ...UserID) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, user := range users {
		if m.active[user].Before(before) {
			delete(m.active, user)
		}
	}
	return nil
}

// EachUser implements UserScan.
func (m *MemoryGraph) EachUser(ctx context.Context, visit func(UserID) error) error {
	m.mu.Lock()
	users := slices.AppendSeq(slices.Collect(maps.Keys(m.from)), maps.Keys(m.to))
	m.mu.Unlock()
	slices.SortFunc(users, UserID.Compare)
	for _, user := range slices.Compact(users) {
		if err := visit(user); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// LoadFollows implements FollowLoader.
func (m *MemoryGraph) LoadFollows(ctx context.Context, since Vector, follows iter.Seq2[UserID, []UserID]) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for from, followed := range follows {
		for _, to := range followed {
			key := EdgeKey{Kind: Follow, From: from, To: to}
			if _, set := m.from[from][key]; !set {
				e := Edge{EdgeKey: key, On: true, Since: since[m.shape.GraphOf(from)]}
				put(m.from, from, e)
				put(m.to, to, e)
			}
		}
	}
	return nil
}

// CountFollowers implements FollowLoader.
func (m *MemoryGraph) CountFollowers(ctx context.Context, through Vector, authors ...UserID) ([][]Count, error) {
	m.mu.Lock()
	if err := ctx.Err(); err != nil {
		m.mu.Unlock()
		return nil, err
	}
	for _, author := range authors {
		followers := make([]int64, m.shape.Graph)
		for _, e := range m.to[author] {
			if e.Kind == Follow && e.On {
				followers[m.shape.GraphOf(e.From)]++
			}
		}
		if m.counts[author] == nil {
			m.counts[author] = make([]Count, m.shape.Graph)
		}
		for p := range followers {
			if known := &m.counts[author][p]; known.Followers != followers[p] && known.Through < through[p] {
				*known = Count{followers[p], through[p]}
			}
		}
	}
	m.mu.Unlock()
	return m.Counts(ctx, authors...)
}
