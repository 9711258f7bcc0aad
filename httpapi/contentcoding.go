package httpapi

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// codings are the content codings that routes with a raw body decode.
var codings = []string{"gzip", "zstd"}

// codingOf returns the content coding of a request, "" for none, and whether it can be decoded.
func codingOf(r *http.Request) (coding string, known bool) {
	given := strings.ToLower(strings.TrimSpace(strings.Join(r.Header["Content-Encoding"], ",")))
	switch given {
	case "", "identity":
		return "", true
	case "gzip", "x-gzip":
		return "gzip", true
	case "zstd":
		return "zstd", true
	}
	return "", false
}

// expand returns a reader of the decoded body, which fails after limit bytes. The caller calls release, if it is not nil,
// after the last read.
func expand(coding string, body io.Reader, limit int64) (content io.Reader, release func(), err error) {
	switch coding {
	case "gzip":
		r, _ := gzipReaders.Get().(*gzip.Reader)
		release = func() { gzipReaders.Put(r) }
		if err := r.Reset(body); err != nil {
			return nil, release, unexpected(err)
		}
		return &expanded{r, limit, limit}, release, nil
	case "zstd":
		content, err = expandZstd(body, limit)
		return content, nil, err
	}
	return body, nil, nil
}

// expandZstd decodes the whole body at once. A streaming decoder first allocates the window that the body declares, which is
// 8 MiB for a few bytes from an ordinary encoder.
func expandZstd(body io.Reader, limit int64) (io.Reader, error) {
	compressed, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	room := min(limit, max(64<<10, 8*int64(len(compressed))))
	content, err := zstdDecoder().DecodeAll(compressed, make([]byte, 0, room))
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) && room < limit {
		content, err = zstdDecoder().DecodeAll(compressed, make([]byte, 0, limit))
	}
	if errors.Is(err, zstd.ErrDecoderSizeExceeded) || errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	if err == nil && len(compressed) == 0 {
		err = io.ErrUnexpectedEOF // DecodeAll accepts a body without a frame
	}
	return bytes.NewReader(content), err
}

// zstdDecoder returns the decoder of all bodies, which may be used concurrently. It fails where the content exceeds the
// capacity of the destination.
var zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
	r, err := zstd.NewReader(nil, zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("httpapi: " + err.Error()) // constant options
	}
	return r
})

// unexpected returns the error of a compressed body without a header. io.EOF would mean that the body is complete.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var gzipReaders = sync.Pool{New: func() any { return new(gzip.Reader) }}

// expanded is a reader of a decoder that fails after limit bytes, with the error of http.MaxBytesReader.
type expanded struct {
	io.Reader
	left, limit int64
}

// Read implements io.Reader.
func (e *expanded) Read(p []byte) (int, error) {
	if int64(len(p)) > e.left+1 {
		p = p[:e.left+1]
	}
	n, err := e.Reader.Read(p)
	if int64(n) > e.left {
		return int(e.left), &http.MaxBytesError{Limit: e.limit}
	}
	e.left -= int64(n)
	return n, err
}
