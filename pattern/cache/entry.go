package cache

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"agora/fault"
)

// A cache entry of Aside is stored as a header of 9 bytes and a body:
//
//	byte  0     1 for a value, 2 for a cached NotFound
//	bytes 1..8  end of its freshness in Unix milliseconds, big endian
//	bytes 9..   the value; or the code, a line feed and the message of the NotFound error
//
// Decoding copies and allocates nothing: the body is a part of the stored slice.
const headerSize = 9

const (
	present byte = 1
	absent  byte = 2
)

type entry struct {
	what       byte
	freshUntil int64 // Unix milliseconds
	body       []byte
}

func encodeValue(value []byte, freshUntil time.Time) []byte {
	return append(header(present, freshUntil, len(value)), value...)
}

func encodeAbsence(err error, freshUntil time.Time) []byte {
	code := fault.CodeOf(err)
	message := err.Error()
	if e, ok := errors.AsType[*fault.Error](err); ok {
		message = e.Message
	}
	b := header(absent, freshUntil, len(code)+1+len(message))
	return append(append(append(b, code...), '\n'), message...)
}

func header(what byte, freshUntil time.Time, body int) []byte {
	b := make([]byte, 0, headerSize+body)
	return binary.BigEndian.AppendUint64(append(b, what), uint64(freshUntil.UnixMilli()))
}

// decode reports false for bytes of another form, which count as a miss.
func decode(b []byte) (entry, bool) {
	if len(b) < headerSize || (b[0] != present && b[0] != absent) {
		return entry{}, false
	}
	return entry{what: b[0], freshUntil: int64(binary.BigEndian.Uint64(b[1:])), body: b[headerSize:]}, true
}

func (e entry) fresh(now time.Time) bool { return now.UnixMilli() < e.freshUntil }

// err returns the error of the load that found no value.
func (e entry) err() error {
	code, message, _ := strings.Cut(string(e.body), "\n")
	return fault.New(fault.NotFound, code, message)
}
