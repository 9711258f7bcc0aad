package feed

import (
	"context"
	"errors"
	"slices"

	goredis "github.com/redis/go-redis/v9"

	"agora/feed"
)

// Bounds of a merge. A script keeps Redis from everything else, so it is short; a pipeline saves round trips, and has to be
// answered in time.
const (
	scriptOperands   = 64
	scriptBytes      = 64 << 10
	pipelineOperands = 4096
	pipelineBytes    = 1 << 20
)

// mergeHead is the beginning of the scripts that merge. It counts merges and scripts, so that a Redis that returns to an
// earlier state between two scripts is noticed. From ARGV[7] on come the bounds of the form, and then the operands.
const mergeHead = `
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then return {} end
local answer = {redis.call('HINCRBY', KEYS[1], ARGV[3], 1)}
if ARGV[5] == 'last' then redis.call('HINCRBY', KEYS[1], ARGV[4], 1) end
local expiry = ARGV[6]
`

// Merge implements feed.TimelineStore. All operands are merged while the row is that of the fence, also those without a
// base. Each script checks the row and merges some.
func (t *Timelines) Merge(ctx context.Context, fence feed.Fence, operands []feed.Operand) error {
	m := merge{store: t, fence: fence, row: encodeRow(fence.Epoch, fence.Row)}
	for {
		rest, err := m.pipeline(ctx, operands)
		if err != nil {
			return err
		}
		if operands = rest; len(operands) == 0 {
			break
		}
	}
	for users := range slices.Chunk(m.unsettled, settleAtOnce) {
		if err := t.form.settle(ctx, fence, users); err != nil {
			return err
		}
	}
	return nil
}

// settleAtOnce is how many timelines are read and written to settle them, each of about 20 KB.
const settleAtOnce = 50

// merge is one call of Merge.
type merge struct {
	store     *Timelines
	fence     feed.Fence
	row       []byte
	scripts   int64         // since the row was written, as the last script has counted
	unsettled []feed.UserID // whose timelines are to be settled
}

// batch is what one script merges.
type batch struct {
	operands []feed.Operand
	answer   *goredis.Cmd
}

// pipeline merges the first operands with one pipeline of scripts, and returns the others.
func (m *merge) pipeline(ctx context.Context, operands []feed.Operand) (rest []feed.Operand, err error) {
	script := m.store.form.mergeScript()
	var batches []batch
	err = m.store.write(ctx, func(ctx context.Context) error {
		pipe := m.store.client.Pipeline()
		rest, batches = operands, nil
		for size := 0; size < pipelineBytes && len(operands)-len(rest) < pipelineOperands && (len(rest) > 0 || size == 0); {
			n, keys, args, bytes := m.batch(rest)
			batches = append(batches, batch{rest[:n], evaluate(ctx, pipe, script, len(batches) == 0, keys, args)})
			rest, size = rest[n:], size+bytes
		}
		_, err := pipe.Exec(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, b := range batches {
		if err := m.answered(b); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

// evaluate adds a script to a pipeline. The first one of a pipeline sends its text, because Redis has scripts in its memory only;
// Script.Load cannot be used in a pipeline.
func evaluate(ctx context.Context, pipe goredis.Pipeliner, script *goredis.Script, first bool, keys []string, args []any) *goredis.Cmd {
	if first {
		return script.Eval(ctx, pipe, keys, args...)
	}
	return script.EvalSha(ctx, pipe, keys, args...)
}

// batch returns the keys and arguments of a script that merges the first n operands.
func (m *merge) batch(operands []feed.Operand) (n int, keys []string, args []any, bytes int) {
	t, p := m.store, m.fence.Partition
	keys = append(make([]string, 0, 1+scriptOperands), t.headKey())
	args = append(make([]any, 0, 8+scriptOperands), field(rowField, p), m.row, field(scriptsField, p), field(mergesField, p), "", t.expiry.Milliseconds())
	args = append(args, t.form.bounds()...)
	arena := make([]byte, 0, 4<<10)
	for ; n < len(operands) && n < scriptOperands && bytes < scriptBytes; n++ {
		o := &operands[n]
		begin := len(arena)
		arena = t.form.encode(arena, o.Timeline)
		encoded := arena[begin:len(arena):len(arena)]
		keys, args = append(keys, t.key(m.fence.Epoch, o.User)), append(args, encoded)
		bytes += len(encoded) + len(keys[n])
	}
	if n == len(operands) {
		args[4] = "last"
	}
	return n, keys, args, max(bytes, 1)
}

// answered takes the answer of a script: the number of scripts since the row was written, and numbers of operands whose
// timelines have to be settled; nothing if the row is another one.
func (m *merge) answered(b batch) error {
	answer, err := b.answer.Int64Slice()
	if err != nil {
		return err
	}
	if len(answer) == 0 || answer[0] <= m.scripts {
		return feed.ErrStale()
	}
	m.scripts = answer[0]
	for _, i := range answer[1:] {
		if i < 0 || i >= int64(len(b.operands)) {
			return errors.New("a script that merges timelines has named one that it was not given")
		}
		m.unsettled = append(m.unsettled, b.operands[i].User)
	}
	return nil
}

// trimmed returns an operand without what a merge would drop in any case.
func trimmed(o feed.Timeline, trim feed.Trim) feed.Timeline {
	if o.Floor == (feed.PostID{}) && len(o.Entries) <= trim.Above {
		return o
	}
	return feed.Timeline{}.Merge(o, trim)
}
