package analytics

import (
	"math/bits"
	"slices"
)

// widthOf returns how many bytes hold every number up to most: 0, 1, 2, 4 or 8.
func widthOf(most uint64) int {
	switch n := (bits.Len64(most) + 7) / 8; n {
	case 0, 1, 2:
		return n
	case 3, 4:
		return 4
	default:
		return 8
	}
}

// appendInts appends numbers as their distances from the least one, each in as few bytes as the greatest needs.
func appendInts[T ~int64](to []byte, values []T) []byte {
	if len(values) == 0 {
		return to
	}
	least, most := slices.Min(values), slices.Max(values)
	width := widthOf(uint64(most) - uint64(least))
	to = append(little.AppendUint64(to, uint64(least)), byte(width))
	for _, v := range values {
		to = appendWidth(to, uint64(v)-uint64(least), width)
	}
	return to
}

func appendWidth(to []byte, v uint64, width int) []byte {
	switch width {
	case 0:
		return to
	case 1:
		return append(to, byte(v))
	case 2:
		return little.AppendUint16(to, uint16(v))
	case 4:
		return little.AppendUint32(to, uint32(v))
	}
	return little.AppendUint64(to, v)
}

func readInts[T ~int64](r *reader, to []T, n int) []T {
	to = to[:0]
	if n == 0 {
		return to
	}
	least, width := T(r.uint64()), int(r.byte())
	data := r.bytes(n * width)
	if r.err != nil {
		return to
	}
	to = slices.Grow(to, n)[:n]
	switch width {
	case 0:
		for i := range to {
			to[i] = least
		}
	case 1:
		for i := range to {
			to[i] = least + T(data[i])
		}
	case 2:
		for i := range to {
			to[i] = least + T(little.Uint16(data[2*i:]))
		}
	case 4:
		for i := range to {
			to[i] = least + T(little.Uint32(data[4*i:]))
		}
	case 8:
		for i := range to {
			to[i] = least + T(little.Uint64(data[8*i:]))
		}
	default:
		r.fail(errForm)
	}
	return to
}

// appendTexts appends the length of each text, all in the same width, and their bytes.
func appendTexts(to []byte, t *Texts) []byte {
	if t.Len() == 0 {
		return to
	}
	most, start := uint32(0), uint32(0)
	for _, end := range t.ends {
		most, start = max(most, end-start), end
	}
	width := widthOf(uint64(most))
	to = append(to, byte(width))
	start = 0
	for _, end := range t.ends {
		to, start = appendWidth(to, uint64(end-start), width), end
	}
	return append(to, t.bytes...)
}

func readTexts(r *reader, t *Texts, n int) {
	t.ends, t.bytes = t.ends[:0], nil
	if n == 0 || r.err != nil {
		return
	}
	width := int(r.byte())
	data := r.bytes(n * width)
	if r.err != nil {
		return
	}
	t.ends = slices.Grow(t.ends, n)[:n]
	end := uint64(0) // at most 2^13 texts of less than 2^32 bytes
	switch width {
	case 0:
		clear(t.ends)
	case 1:
		for i := range t.ends {
			end += uint64(data[i])
			t.ends[i] = uint32(end)
		}
	case 2:
		for i := range t.ends {
			end += uint64(little.Uint16(data[2*i:]))
			t.ends[i] = uint32(end)
		}
	case 4:
		for i := range t.ends {
			end += uint64(little.Uint32(data[4*i:]))
			t.ends[i] = uint32(end)
		}
	default:
		r.fail(errForm)
	}
	if end > MaxPayload {
		r.fail(errForm)
	}
	t.bytes = r.bytes(int(end))
	if r.err != nil {
		t.ends = t.ends[:0]
	}
}

// appendDictionary appends the values and, if there are several, for each row which one it has.
func appendDictionary(to []byte, values *Texts, index []uint16) []byte {
	if len(index) == 0 {
		return to
	}
	to = little.AppendUint16(to, uint16(values.Len()))
	to = appendTexts(to, values)
	width := widthOf(uint64(values.Len() - 1))
	for _, i := range index {
		to = appendWidth(to, uint64(i), width)
	}
	return to
}

func readDictionary(r *reader, d *Dictionary, n int) {
	d.Index = d.Index[:0]
	if n == 0 {
		d.Values.ends = d.Values.ends[:0]
		return
	}
	count := int(r.uint16())
	if count == 0 || count > n {
		r.fail(errForm)
		return
	}
	readTexts(r, &d.Values, count)
	width := widthOf(uint64(count - 1))
	data := r.bytes(n * width)
	if r.err != nil {
		return
	}
	d.Index = slices.Grow(d.Index, n)[:n]
	most := uint16(0)
	switch width {
	case 0:
		clear(d.Index)
	case 1:
		for i := range d.Index {
			d.Index[i] = uint16(data[i])
			most = max(most, d.Index[i])
		}
	case 2:
		for i := range d.Index {
			d.Index[i] = little.Uint16(data[2*i:])
			most = max(most, d.Index[i])
		}
	}
	if int(most) >= count {
		r.fail(errForm)
	}
}
