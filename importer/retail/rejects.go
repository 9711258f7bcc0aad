package retail

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// rejects is the file of the rejected lines. It is created for the first of them.
type rejects struct {
	file     string // path of the imported file
	fallback string // folder to use if the folder of file is read-only
	path     string // path of the rejects; "" before the first one
	out      *os.File
	buffer   *bufio.Writer
}

// write writes a line after its number in the file and the reason.
func (r *rejects) write(number int, text string, reason Reason) error {
	if r.out == nil {
		if err := r.create(); err != nil {
			return fmt.Errorf("create the file for rejected lines: %w", err)
		}
		fmt.Fprintf(r.buffer, "Line,Reason,%s\n", Header)
	}
	_, err := fmt.Fprintf(r.buffer, "%d,%s,%s\n", number+1, reason, text) // the header is line 1
	return err
}

func (r *rejects) create() (err error) {
	name := filepath.Base(r.file) + ".rejects.csv"
	r.path = filepath.Join(filepath.Dir(r.file), name)
	r.out, err = os.Create(r.path)
	if err != nil && r.fallback != "" {
		r.path = filepath.Join(r.fallback, name)
		r.out, err = os.Create(r.path)
	}
	r.buffer = bufio.NewWriter(r.out)
	return err
}

// close closes the file, if there is one.
func (r *rejects) close() error {
	if r.out == nil {
		return nil
	}
	if err := errors.Join(r.buffer.Flush(), r.out.Close()); err != nil {
		return fmt.Errorf("write rejected lines: %w", err)
	}
	return nil
}
