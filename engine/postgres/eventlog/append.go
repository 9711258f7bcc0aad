package eventlog

import (
	"time"

	"agora/ident"
	"agora/pattern/eventlog"
)

// columns are records as arguments of the SQL function append_records: see migrations/events.
type columns struct {
	touched       []int32 // partitions that get records
	counts, sizes []int64 // records and bytes for each touched partition

	parts                    []int32
	nths, befores            []int64 // records and bytes of this call that precede the record in its partition
	times                    []time.Time
	ids, kinds, keys, values [][]byte
}

func newColumns(records []eventlog.Record, partitions int) *columns {
	c := &columns{}
	indexes := make(map[int]int, partitions) // of partitions in touched
	for _, r := range records {
		p := ident.Partition(r.Key, partitions)
		i, ok := indexes[p]
		if !ok {
			i = len(c.touched)
			indexes[p] = i
			c.touched, c.counts, c.sizes = append(c.touched, int32(p)), append(c.counts, 0), append(c.sizes, 0)
		}
		c.parts, c.nths, c.befores = append(c.parts, int32(p)), append(c.nths, c.counts[i]), append(c.befores, c.sizes[i])
		c.counts[i]++
		c.sizes[i] += int64(r.Size())
		c.add(r)
	}
	return c
}

// positions returns the positions of the records, given the offset of the first record in each touched partition.
func (c *columns) positions(firsts []int64) []eventlog.Position {
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

func (c *columns) add(r eventlog.Record) {
	value := r.Value
	if value == nil {
		value = []byte{} // nil would be NULL
	}
	c.times = append(c.times, r.At.UTC().Truncate(time.Microsecond))
	c.ids, c.kinds, c.keys = append(c.ids, []byte(r.ID)), append(c.kinds, []byte(r.Kind)), append(c.keys, []byte(r.Key))
	c.values = append(c.values, value)
}
