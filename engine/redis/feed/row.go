package feed

import (
	"encoding/binary"
	"fmt"
	"strconv"

	"agora/feed"
)

// The head is one hash, so that it is there as a whole or not at all: epoch and strategy, and for each partition the row, the number of
// merges since, and the number of scripts since.
const (
	epochField    = "epoch"
	strategyField = "strategy"
	rowField      = "row:"
	mergesField   = "merges:"
	scriptsField  = "scripts:"
)

func field(name string, partition int) string { return name + strconv.Itoa(partition) }

func epochText(epoch uint64) string { return strconv.FormatUint(epoch, 10) }

// encodeRow encodes a row with the epoch of its head: epoch, writer, graph and posts, each in 8 bytes. Two of them are
// the same if and only if their bytes are.
func encodeRow(epoch uint64, r feed.Row) []byte {
	to := binary.BigEndian.AppendUint64(nil, epoch)
	to = binary.BigEndian.AppendUint64(to, r.Writer)
	to = binary.BigEndian.AppendUint64(to, uint64(r.Graph))
	for _, at := range r.Posts {
		to = binary.BigEndian.AppendUint64(to, uint64(at))
	}
	return to
}

const (
	wordBytes = 8
	rowWords  = 3 // apart from the posts
)

func decodeRow(epoch uint64, stored string) (feed.Row, error) {
	words := len(stored) / wordBytes
	if len(stored)%wordBytes != 0 || words < rowWords || word(stored, 0) != epoch {
		return feed.Row{}, fmt.Errorf("a row of %d bytes: %w", len(stored), errDamaged)
	}
	r := feed.Row{Writer: word(stored, 1), Graph: feed.Position(word(stored, 2))}
	for i := rowWords; i < words; i++ {
		r.Posts = append(r.Posts, feed.Position(word(stored, i)))
	}
	return r, nil
}

func word(s string, i int) uint64 {
	return binary.BigEndian.Uint64([]byte(s[i*wordBytes:][:wordBytes]))
}

// encodeHead returns the fields of a head and their values.
func encodeHead(h feed.Head) []any {
	fields := []any{epochField, epochText(h.Epoch), strategyField, string(h.Strategy)}
	for p, r := range h.Rows {
		fields = append(fields, field(rowField, p), encodeRow(h.Epoch, r), field(mergesField, p), 0, field(scriptsField, p), 0)
	}
	return fields
}

func decodeHead(fields map[string]string) (feed.Head, error) {
	epoch, err := strconv.ParseUint(fields[epochField], 10, 64)
	if err != nil {
		return feed.Head{}, fmt.Errorf("the epoch of the timelines: %w", err)
	}
	h := feed.Head{Epoch: epoch, Strategy: feed.Strategy(fields[strategyField])}
	for {
		stored, ok := fields[field(rowField, len(h.Rows))]
		if !ok {
			return h, nil
		}
		row, err := decodeRow(epoch, stored)
		if err != nil {
			return feed.Head{}, err
		}
		h.Rows = append(h.Rows, row)
	}
}

// decodeRowOf decodes the epoch and a row. ok is false if there is no head.
func decodeRowOf(values []any) (epoch uint64, row feed.Row, ok bool, err error) {
	if len(values) != 2 || values[0] == nil {
		return 0, feed.Row{}, false, nil
	}
	text, _ := values[0].(string)
	if epoch, err = strconv.ParseUint(text, 10, 64); err != nil {
		return 0, feed.Row{}, false, fmt.Errorf("the epoch of the timelines: %w", err)
	}
	stored, _ := values[1].(string)
	row, err = decodeRow(epoch, stored)
	return epoch, row, true, err
}
