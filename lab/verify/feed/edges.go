package feed

import (
	"context"
	"math"

	"agora/feed"
	"agora/lab/verify"
)

// wishes are what operations do to edges.
var wishes = map[verify.Kind]struct {
	kind feed.EdgeKind
	on   bool
}{
	Follow: {feed.Follow, true}, Unfollow: {feed.Follow, false},
	Block: {feed.Block, true}, Unblock: {feed.Block, false},
	Mute: {feed.Mute, true}, Unmute: {feed.Mute, false},
}

// inForce checks that the last follow, block or mute of each user is in force, or its end. Of operations that overlap, each may
// have been the last one.
func (c *checking) inForce(ctx context.Context) error {
	check := c.report.Begin("follows", "of each user and other user, the last follow, block or mute that a client was told of is in force")
	byKey := map[feed.EdgeKey][]Operation{}
	for _, op := range c.history {
		if wish, ok := wishes[op.Kind]; ok && op.Output.Outcome != Refused {
			key := feed.EdgeKey{Kind: wish.kind, From: userID(op.Input.User), To: userID(op.Input.Other)}
			byKey[key] = append(byKey[key], op)
		}
	}
	for key, operations := range byKey {
		check.Compared++
		on, off := lastOf(operations)
		if on && off {
			check.Undecided++
			continue
		}
		found, err := c.Graph.Edges(ctx, key)
		if err != nil {
			return err
		}
		var edge feed.Edge
		if len(found) > 0 {
			edge = found[0]
		}
		switch partition := c.Shape.GraphOf(key.From); {
		case edge.On == on:
		case c.last.Graph.Covers(partition, edge.Since):
			check.Differ("%s was last told as %v, and is %v since %v", describe(key), on, edge.On, edge.Since)
		default:
			check.Undecided++ // it was changed after the history
		}
	}
	return nil
}

// lastOf reports how the last of some operations on an edge may have left it. The order of the operations is that of their calls.
func lastOf(operations []Operation) (on, off bool) {
	begin := int64(math.MinInt64) // of the last operation that was done
	for _, op := range operations {
		if op.Output.Outcome == OK {
			begin = max(begin, op.Call)
		}
	}
	if begin == math.MinInt64 {
		return true, true // it may be as it was before
	}
	for _, op := range operations {
		if op.Output.Outcome == Unknown || op.Return >= begin {
			on, off = on || wishes[op.Kind].on, off || !wishes[op.Kind].on
		}
	}
	return on, off
}

func describe(key feed.EdgeKey) string {
	verb := map[feed.EdgeKind]string{feed.Follow: "follows", feed.Block: "blocks", feed.Mute: "mutes"}[key.Kind]
	return "that " + key.From.String() + " " + verb + " " + key.To.String()
}

// turn is a record that turns an edge on or off.
type turn struct {
	at feed.Position
	on bool
}

const recordsAtOnce = 1000

// readLog reads the records of the edges that decide what the readers of the history saw.
func (c *checking) readLog(ctx context.Context) error {
	readers := map[feed.UserID]bool{}
	for _, op := range c.history {
		if op.Kind == Read || op.Kind == Listen {
			readers[userID(op.Input.User)] = true
		}
	}
	ends, err := c.Log.Ends(ctx, feed.GraphTopic)
	if err != nil {
		return err
	}
	for p, bounds := range ends {
		if c.first.Graph[p] < feed.At(c.Epoch, bounds.Oldest) {
			c.lacking = "the log does not have the records of that time any more"
			return nil
		}
		for offset := bounds.Oldest; offset < bounds.Next; {
			messages, err := c.Log.Read(ctx, feed.GraphTopic, p, offset, recordsAtOnce)
			if err != nil {
				return err
			}
			if len(messages) == 0 {
				break
			}
			for _, m := range messages {
				record, err := feed.Decode(c.Epoch, m)
				if err != nil {
					return err
				}
				c.note(record, readers)
			}
			offset = messages[len(messages)-1].Offset + 1
		}
	}
	return nil
}

// note keeps a record that turns an edge of a reader.
func (c *checking) note(record feed.Record, readers map[feed.UserID]bool) {
	key, on, ok := record.Edge()
	blocked := key.Kind == feed.Block && readers[key.To]
	if !ok || !readers[key.From] && !blocked {
		return
	}
	if len(c.turns[key]) == 0 {
		c.keys[key.From] = append(c.keys[key.From], key)
		if blocked && key.To != key.From {
			c.keys[key.To] = append(c.keys[key.To], key)
		}
	}
	c.turns[key] = append(c.turns[key], turn{record.At, on})
}
