package analytics

import (
	"cmp"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"

	"github.com/klauspost/compress/s2"

	"agora/fault"
)

// CodeDamaged is the code of errors of a record that cannot be read.
const CodeDamaged = "record_damaged"

// ErrDamaged returns the error of a record that is not what a Builder made. why says what is wrong with it.
func ErrDamaged(why string) *fault.Error {
	return fault.New(fault.Internal, CodeDamaged, "the record is damaged: "+why)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal writes the checksum of the record that begins at start.
func seal(record []byte, start int) []byte {
	little.PutUint32(record[start+2:], crc32.Checksum(record[start+envelope:], castagnoli))
	return record
}

// KindOf returns the kind of a record, and the record without its envelope. It checks the checksum.
func KindOf(record []byte) (RecordKind, []byte, error) {
	if len(record) < envelope {
		return 0, nil, ErrDamaged("it is too short")
	}
	if record[0] != codecVersion {
		return 0, nil, fault.New(fault.Conflict, fault.CodeNewerSchema, fmt.Sprintf("the record has version %d of the codec, and this program knows version %d", record[0], codecVersion))
	}
	if little.Uint32(record[2:]) != crc32.Checksum(record[envelope:], castagnoli) {
		return 0, nil, ErrDamaged("its checksum differs")
	}
	return RecordKind(record[1]), record[envelope:], nil
}

// HeaderOf returns the header of a batch, without decoding its columns and without checking its checksum. ok is false
// if the record is no batch.
func HeaderOf(record []byte) (h Header, ok bool) {
	if len(record) < envelope || record[0] != codecVersion || record[1] != byte(BatchRecord) {
		return Header{}, false
	}
	r := reader{data: record[envelope:]}
	r.header(&h)
	return h, r.err == nil
}

// errShort and errForm are what a reader fails with.
var (
	errShort = errors.New("it ends early")
	errForm  = errors.New("a column does not fit")
)

// reader reads what the append functions wrote. After an error all that it returns is empty.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.data = nil
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.fail(errShort)
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return little.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return little.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return little.Uint64(b)
	}
	return 0
}

func (r *reader) header(h *Header) {
	h.Arrival, h.Lateness = Micros(r.uint64()), Micros(r.uint64())
	h.First, h.Last = Micros(r.uint64()), Micros(r.uint64())
	h.Rows, h.Rejected = int(r.uint16()), int(r.uint16())
	source := r.bytes(int(r.byte()))
	if string(h.Source) != string(source) { // most batches decoded into one Batch are of few sources
		h.Source = SourceID(source)
	}
	if r.err == nil && (!h.Source.Valid() || h.Rows > MaxRows || h.Rejected > MaxRows || h.Lateness < -1) {
		r.fail(errors.New("its header is not valid"))
	}
}

// Decode reads a batch record into b and uses the buffers of b again. After an error b must not be used, but for another
// Decode. The columns may share the bytes of the record.
func (b *Batch) Decode(record []byte) error {
	kind, body, err := KindOf(record)
	if err != nil {
		return err
	}
	if kind != BatchRecord {
		return ErrDamaged("it is no batch")
	}
	r := reader{data: body}
	r.header(&b.Header)
	size := int(r.uint32())
	if r.err != nil {
		return ErrDamaged(r.err.Error())
	}
	if size > MaxPayload {
		return ErrDamaged("its payload is over the limit")
	}
	payload := r.data
	if len(payload) != size {
		if n, err := s2.DecodedLen(payload); err != nil || n != size {
			return ErrDamaged("its payload has another size")
		}
		b.payload = slices.Grow(b.payload[:0], size)[:size]
		if _, err := s2.Decode(b.payload, payload); err != nil {
			return ErrDamaged("its payload cannot be decompressed")
		}
		payload = b.payload
	}
	r = reader{data: payload}
	b.decode(&r)
	if r.err == nil && len(r.data) > 0 {
		r.fail(errForm)
	}
	if r.err != nil {
		return ErrDamaged(r.err.Error())
	}
	return nil
}

func (b *Batch) decode(r *reader) {
	n := b.Rows
	b.Calls = readBytes(r, b.Calls, n, byte(calls))
	b.Times = readInts(r, b.Times, n)
	for _, at := range b.Times {
		if at < b.First || at > b.Last {
			r.fail(errForm)
			return
		}
	}
	readDictionary(r, &b.Types, n)
	readTexts(r, &b.IDs, n)
	readDictionary(r, &b.Users, n)
	readDictionary(r, &b.Anonymous, n)
	readDictionary(r, &b.Sessions, n)
	b.decodeColumns(r)
	readTexts(r, &b.Properties, n)
	b.Reasons = readBytes(r, b.Reasons, b.Rejected, byte(reasons))
	readTexts(r, &b.Raw, b.Rejected)
}

func (b *Batch) decodeColumns(r *reader) {
	count := int(r.byte())
	if count > MaxColumns {
		r.fail(errForm)
		return
	}
	b.Columns = slices.Grow(b.Columns[:0], count)[:count]
	for i := range b.Columns {
		c := &b.Columns[i]
		c.ID, c.Kind = r.uint16(), Kind(r.byte())
		if c.Kind == 0 || c.Kind > Text || i > 0 && compareColumns(&b.Columns[i-1], c) >= 0 {
			r.fail(errForm)
		}
		c.present = readPresent(r, c.present, b.Rows)
		if c.Kind == Text {
			readDictionary(r, &c.Texts, b.Rows)
		} else {
			c.Ints = readInts(r, c.Ints, b.Rows)
		}
		if r.err != nil {
			b.Columns = b.Columns[:0]
			return
		}
	}
}

// compareColumns orders the columns of a batch.
func compareColumns(a, b *Column) int {
	return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Kind, b.Kind))
}

func readPresent(r *reader, to []uint64, rows int) []uint64 {
	switch r.byte() {
	case 1:
		return to[:0]
	case 0:
	default:
		r.fail(errForm)
		return to[:0]
	}
	words := (rows + 63) / 64
	data := r.bytes(8 * words)
	to = to[:0]
	for i := 0; i+8 <= len(data); i += 8 {
		to = append(to, little.Uint64(data[i:]))
	}
	return to
}

// readBytes reads n bytes that have to be below limit.
func readBytes[T ~uint8](r *reader, to []T, n int, limit byte) []T {
	to = to[:0]
	for _, c := range r.bytes(n) {
		if c >= limit {
			r.fail(errForm)
			return to
		}
		to = append(to, T(c))
	}
	return to
}
