package retail

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"agora/fault"
	"agora/shop"
)

const (
	maxLineBytes = 64 << 10

	// maxRun bounds the lines in memory, so that their order fits into one fact. A larger invoice becomes several orders; 1,500
	// ordinary lines fit into one.
	maxRun = shop.MaxFact - 4<<10
)

// run is a group of adjacent lines with the same invoice, customer and country. Nearly every invoice is one run. An invoice that is
// larger than maxRun has several, which piece numbers from 0.
type run struct {
	lines []Line
	bytes int // upper bound for the size of the lines in a fact
	piece int
	last  int // number of its last line; the line after the header is 1
}

// reader reads a file and calls its functions for rejected lines, for runs, and for progress.
type reader struct {
	reject   func(number int, text string, line Line, reason Reason) error
	run      func(run) error // the lines are valid only during the call
	progress func(lines int)

	open run
	read int // lines after the header
}

// progressEvery is the number of lines between two calls of progress.
const progressEvery = 10_000

// all reads the whole file. A line ends with a line feed, even inside quotes, so that a malformed line does not affect others.
func (r *reader) all(ctx context.Context, file io.Reader) error {
	in := bufio.NewReaderSize(file, maxLineBytes)
	if err := readHeader(in); err != nil {
		return err
	}
	for {
		text, whole, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			r.progress(r.read)
			return r.close()
		}
		if err != nil {
			return fmt.Errorf("read line %d: %w", r.read+1, err)
		}
		r.read++
		if err := r.take(text, whole); err != nil {
			return err
		}
		if r.read%progressEvery == 0 {
			r.progress(r.read)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
}

// take adds a line to the open run, or rejects it.
func (r *reader) take(text string, whole bool) error {
	line, reason := ParseLine(text)
	if !whole {
		line, reason = Line{}, Malformed
	}
	if reason != "" {
		return r.reject(r.read, text, line, reason)
	}
	if reason = wrongSign(line); reason != "" {
		return r.reject(r.read, text, line, reason)
	}
	if err := r.makeRoom(line); err != nil {
		return err
	}
	r.open.lines = append(r.open.lines, line)
	r.open.bytes += line.factBytes()
	r.open.last = r.read
	return nil
}

// makeRoom closes the open run if it is full or the next line does not belong to it.
func (r *reader) makeRoom(next Line) error {
	if len(r.open.lines) == 0 {
		return nil
	}
	same, piece := continues(r.open.lines[0], next), r.open.piece
	if same && r.open.bytes+next.factBytes() <= maxRun {
		return nil
	}
	if err := r.close(); err != nil {
		return err
	}
	if same {
		r.open.piece = piece + 1
	}
	return nil
}

// close passes the open run to the function run.
func (r *reader) close() error {
	if len(r.open.lines) == 0 {
		return nil
	}
	err := r.run(r.open)
	r.open.lines, r.open.bytes, r.open.piece = r.open.lines[:0], 0, 0
	return err
}

// factBytes is an upper bound for the bytes that the line adds to the fact of an order: the line and two postings of its units.
func (l Line) factBytes() int {
	const (
		escaped = 6   // bytes of a byte that JSON escapes
		fixed   = 400 // names of the fields, numbers and ids
		maxName = 200 // bytes of a product's name, which replaces a missing description
	)
	return fixed + escaped*(3*len(l.Code)+cmp.Or(len(l.Description), maxName))
}

func continues(first, next Line) bool {
	return first.Invoice == next.Invoice && first.Customer == next.Customer && first.Country == next.Country
}

// wrongSign returns the reason if the sign of the quantity is wrong. A negative quantity without price and customer is a loss of
// units and accepted.
func wrongSign(l Line) Reason {
	switch {
	case l.isCredit() && l.Quantity > 0:
		return CreditWithGain
	case !l.isCredit() && l.Quantity < 0 && (l.Price != 0 || l.Customer != ""):
		return SaleOfNothing
	}
	return ""
}

func readHeader(in *bufio.Reader) error {
	text, _, err := nextLine(in)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read the header: %w", err)
	}
	if strings.TrimPrefix(text, "\ufeff") != Header {
		return fault.New(fault.Invalid, "not_retail", "the file does not begin with the line "+Header)
	}
	return nil
}

// nextLine returns a line without its line feed. If the line is too long, whole is false and text is its beginning.
func nextLine(in *bufio.Reader) (text string, whole bool, err error) {
	raw, err := in.ReadSlice('\n')
	text, whole = string(bytes.TrimRight(raw, "\r\n")), true
	for errors.Is(err, bufio.ErrBufferFull) {
		whole = false
		_, err = in.ReadSlice('\n')
	}
	if errors.Is(err, io.EOF) && len(raw) > 0 {
		err = nil // the last line may have no line feed
	}
	return text, whole, err
}

// decompressed returns the text of a file, which it decompresses if the file begins like gzip.
func decompressed(file io.Reader) (io.Reader, error) {
	in := bufio.NewReaderSize(file, 1<<20)
	if magic, _ := in.Peek(2); !bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		return in, nil
	}
	text, err := gzip.NewReader(in)
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return text, nil
}
