package feed

import (
	"context"
	"fmt"
	"time"

	"agora/engine/cassandra"
	"agora/feed"
)

const (
	setActive    = `INSERT INTO activity (partition, shard, user, at) VALUES (?, ?, ?, ?) USING TIMESTAMP ?`
	selectIdle   = `SELECT user FROM activity WHERE partition = ? AND shard = ? AND at < ? LIMIT ?`
	selectActive = `SELECT at FROM activity WHERE partition = ? AND shard = ? AND user = ?`
	forgetActive = `DELETE FROM activity USING TIMESTAMP ? WHERE partition = ? AND shard = ? AND user = ?`
)

// activityShards is how many partitions of the table have the users of one partition of the graph: of 100 million users in 16
// partitions, each has 400,000. It is stored: it never changes.
const activityShards = 16

func activityShard(user feed.UserID) int { return int(user[15]) % activityShards } // a random byte

func (g *Graph) activityWrites(c feed.GraphChanges, now time.Time) (writes stage) {
	at := now.UnixMicro()
	for _, user := range c.Active {
		writes = append(writes, []cassandra.Statement{cassandra.Of(setActive, g.shape.GraphOf(user), activityShard(user), user[:], at, at)})
	}
	return writes
}

// Idle implements feed.GraphStore.
func (g *Graph) Idle(ctx context.Context, partition int, before time.Time, limit int) (users []feed.UserID, err error) {
	for shard := 0; shard < activityShards && len(users) < limit; shard++ {
		var user []byte
		page := cassandra.Of(selectIdle, partition, shard, before.UnixMicro(), limit-len(users))
		err := g.keyspace.Read(ctx, page, []any{&user}, func() error {
			if len(user) != len(feed.UserID{}) {
				return fmt.Errorf("activity in partition %d: %w", partition, errDamaged)
			}
			users = append(users, feed.UserID(user))
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return users, nil
}

// Forget implements feed.GraphStore. It removes the activity that it has read, and no later one.
func (g *Graph) Forget(ctx context.Context, before time.Time, users ...feed.UserID) error {
	return cassandra.Each(ctx, len(users), func(ctx context.Context, i int) error {
		user := users[i]
		partition, shard := g.shape.GraphOf(user), activityShard(user)
		var at int64
		ok, err := g.keyspace.Get(ctx, cassandra.Of(selectActive, partition, shard, user[:]), &at)
		if err != nil || !ok || at >= before.UnixMicro() {
			return err
		}
		return g.keyspace.Write(ctx, cassandra.Of(forgetActive, at, partition, shard, user[:]))
	})
}
