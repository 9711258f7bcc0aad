package pebble

import "encoding/binary"

// AppendString appends the length of s and s.
func AppendString(to []byte, s string) []byte {
	return append(binary.AppendUvarint(to, uint64(len(s))), s...)
}

// Decoder reads values from the front of Rest. After the first missing value it returns zeros.
type Decoder struct {
	Rest   []byte
	Failed bool
}

// Uvarint reads what binary.AppendUvarint has written.
func (d *Decoder) Uvarint() uint64 {
	v, n := binary.Uvarint(d.Rest)
	d.skip(n)
	return v
}

// Varint reads what binary.AppendVarint has written.
func (d *Decoder) Varint() int64 {
	v, n := binary.Varint(d.Rest)
	d.skip(n)
	return v
}

// skip drops the n bytes of a varint. As in package binary, n below 1 says that there was none.
func (d *Decoder) skip(n int) {
	if n < 1 {
		d.Failed, d.Rest = true, nil
		return
	}
	d.Rest = d.Rest[n:]
}

// Bytes reads n bytes. They share the memory of Rest.
func (d *Decoder) Bytes(n int) []byte {
	if n > len(d.Rest) {
		d.Failed, d.Rest = true, nil
		return nil
	}
	read := d.Rest[:n]
	d.Rest = d.Rest[n:]
	return read
}

// String reads what AppendString has written.
func (d *Decoder) String() string {
	n := d.Uvarint()
	if n > uint64(len(d.Rest)) {
		d.Failed, d.Rest = true, nil
		return ""
	}
	return string(d.Bytes(int(n)))
}
