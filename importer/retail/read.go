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

	// maxRun bounds what is in memory at a time, and lets what becomes of it fit into one fact, with some room for
	// the head of an order. A larger invoice becomes several orders; of ordinary lines, 1,500 fit.
	maxRun = shop.MaxFact - 4<<10
)

// run is a piece of an invoice: lines that follow each other with the same number, customer and country. Nearly
// all invoices are one run; of those that are larger than maxRun, piece counts the parts from 0.
type run struct {
	lines []Line
	bytes int // at most, of the lines in a fact
	piece int
	last  int // the number of its last line, counted from 1 behind the header
}

// reader reads a file line by line, and hands on what it finds.
type reader struct {
	reject func(number int, text string, line Line, reason Reason) error
	run    func(run) error // the lines are valid only during the call
	tell   func(lines int)

	open run
	read int // lines behind the header
}

// tellEvery is how many lines pass between two tellings of progress.
const tellEvery = 10_000

// all reads to the end. A line is what a line feed ends: one that is broken never takes its neighbours with it.
func (r *reader) all(ctx context.Context, file io.Reader) error {
	in := bufio.NewReaderSize(file, maxLineBytes)
	if err := readHeader(in); err != nil {
		return err
	}
	for {
		text, whole, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			r.tell(r.read)
			return r.close()
		}
		if err != nil {
			return fmt.Errorf("read line %d: %w", r.read+1, err)
		}
		r.read++
		if err := r.take(text, whole); err != nil {
			return err
		}
		if r.read%tellEvery == 0 {
			r.tell(r.read)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
	}
}

// take sorts one line into the open run, or rejects it.
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

// makeRoom hands on the open run if the line does not belong to it or it is full.
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

// close hands on the open run.
func (r *reader) close() error {
	if len(r.open.lines) == 0 {
		return nil
	}
	err := r.run(r.open)
	r.open.lines, r.open.bytes, r.open.piece = r.open.lines[:0], 0, 0
	return err
}

// factBytes is more than the line can add to the fact of an order: the line itself and two postings of its units.
func (l Line) factBytes() int {
	const (
		escaped = 6   // bytes of one that JSON escapes
		fixed   = 400 // names of the fields, numbers and identifiers
		maxName = 200 // of a product, which stands in for a missing description
	)
	return fixed + escaped*(3*len(l.Code)+cmp.Or(len(l.Description), maxName))
}

func continues(first, next Line) bool {
	return first.Invoice == next.Invoice && first.Customer == next.Customer && first.Country == next.Country
}

// wrongSign returns why the quantity does not suit what the line is. Units that are lost have no price and no
// customer, so they are no sale.
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

// nextLine returns a line without its end, and whether it is whole: of one that is too long, only the beginning.
func nextLine(in *bufio.Reader) (text string, whole bool, err error) {
	raw, err := in.ReadSlice('\n')
	text, whole = string(bytes.TrimRight(raw, "\r\n")), true
	for errors.Is(err, bufio.ErrBufferFull) {
		whole = false
		_, err = in.ReadSlice('\n')
	}
	if errors.Is(err, io.EOF) && len(raw) > 0 {
		err = nil // the last line has no end
	}
	return text, whole, err
}

// decompressed returns the text of a file that may be compressed with gzip, by what it begins with.
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
