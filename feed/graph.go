package feed

// EdgeKind says what an edge of the graph means.
type EdgeKind uint8

// The kinds of edges.
const (
	Follow EdgeKind = iota + 1
	Block
	Mute
)

// EdgeKey names an edge: a user and whom the user follows, blocks or mutes.
type EdgeKey struct {
	Kind EdgeKind
	From UserID
	To   UserID
}

// Edge is the state of an edge. An edge that was never set is the zero state.
type Edge struct {
	EdgeKey
	On    bool
	Since Position // of the record that turned it on or off, in the partition of From
}

// Relations are the edges that decide what a user sees.
type Relations struct {
	Follows []Edge // by the user
	Mutes   []Edge // by the user
	Blocks  []Edge // by the user, and of the user
	// Applied holds, for each partition of the graph, the position after the last change of these edges or of one that
	// is off by now.
	Applied Vector
}

// byKey returns all edges by their names.
func (r Relations) byKey() map[EdgeKey]Edge {
	edges := make(map[EdgeKey]Edge, len(r.Follows)+len(r.Mutes)+len(r.Blocks))
	for _, list := range [][]Edge{r.Follows, r.Mutes, r.Blocks} {
		for _, e := range list {
			edges[e.EdgeKey] = e
		}
	}
	return edges
}

// Count is how many followers a user has in one partition of the graph.
type Count struct {
	Followers int64
	Through   Position // the position before which all records of the partition are counted
}

// followersIn returns the number of followers in all partitions.
func followersIn(counts []Count) (n int64) {
	for _, c := range counts {
		n += c.Followers
	}
	return n
}

// UserCount is the Count of a user.
type UserCount struct {
	User UserID
	Count
}

// GraphChanges is what a run of the builder changes in one partition of the graph.
type GraphChanges struct {
	Partition int
	Edges     []Edge
	Counts    []UserCount
	Active    []UserID // users who have read their feed, or come back to it
	Reach     Row      // Posts and Graph as the run will have reached them
}

// foldGraph computes what the records of one partition change, from the edges and counts that the store holds. Both
// maps are updated.
//
// The store may be ahead: of a run whose vector was never written, or of a leader that lost its lead and did not
// notice. So a record that the edge has already passed changes nothing, and one that the count has passed is not counted.
func foldGraph(records []Record, edges map[EdgeKey]Edge, counts map[UserID]Count) (changed []Edge) {
	touched := map[EdgeKey]bool{}
	for _, r := range records {
		key, on, ok := r.Edge()
		if !ok {
			continue
		}
		edge := edges[key]
		if edge.Since >= r.At || edge.On == on {
			continue
		}
		edges[key] = Edge{EdgeKey: key, On: on, Since: r.At}
		touched[key] = true
		count := counts[key.To]
		if key.Kind != Follow || r.At < count.Through {
			continue
		}
		if on {
			count.Followers++
		} else {
			count.Followers--
		}
		counts[key.To] = count
	}
	for key := range touched {
		changed = append(changed, edges[key])
	}
	return changed
}
