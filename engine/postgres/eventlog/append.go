package eventlog

import (
	"time"

	"agora/ident"
	"agora/pattern/eventlog"
)

// appending are records as the function append_records of the database takes them: see migrations/events.
type appending struct {
	touched       []int32 // the partitions that the records go to
	counts, sizes []int64 // how many records and bytes go to each

	parts                    []int32
	nths, befores            []int64 // records and bytes of this call that come before in the partition
	times                    []time.Time
	ids, kinds, keys, values [][]byte
}

func newAppending(records []eventlog.Record, partitions int) *appending {
	c := &appending{}
	place := make(map[int]int, partitions) // of a partition in touched
	for _, r := range records {
		p := ident.Partition(r.Key, partitions)
		i, ok := place[p]
		if !ok {
			i = len(c.touched)
			place[p] = i
			c.touched, c.counts, c.sizes = append(c.touched, int32(p)), append(c.counts, 0), append(c.sizes, 0)
		}
		c.parts, c.nths, c.befores = append(c.parts, int32(p)), append(c.nths, c.counts[i]), append(c.befores, c.sizes[i])
		c.counts[i]++
		c.sizes[i] += int64(r.Size())
		c.add(r)
	}
	return c
}

// positions returns where the records are, from the offset of the first record in each touched partition.
func (c *appending) positions(firsts []int64) []eventlog.Position {
	first := make(map[int32]int64, len(firsts))
	for i, p := range c.touched {
		first[p] = firsts[i]
	}
	at := make([]eventlog.Position, len(c.parts))
	for i, p := range c.parts {
		at[i] = eventlog.Position{Partition: int(p), Offset: first[p] + c.nths[i]}
	}
	return at
}

func (c *appending) add(r eventlog.Record) {
	value := r.Value
	if value == nil {
		value = []byte{} // as nil would be NULL
	}
	c.times = append(c.times, r.At.UTC().Truncate(time.Microsecond))
	c.ids, c.kinds, c.keys = append(c.ids, []byte(r.ID)), append(c.kinds, []byte(r.Kind)), append(c.keys, []byte(r.Key))
	c.values = append(c.values, value)
}
