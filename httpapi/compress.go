package httpapi

import (
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"
	"github.com/klauspost/compress/gzip"
)

const (
	compressFrom = 1024 // bytes; smaller answers are not worth the time
	gzipSuffix   = "-gzip"
)

var varyEncoding = []string{"Accept-Encoding"}

// compressed compresses answers of 1 KiB and more with gzip, if the client accepts it. The entity tag of such an answer ends
// in -gzip, because its bytes are others (RFC 9110, section 8.8.3.3).
func (s *Server) compressed(serve http.HandlerFunc) http.HandlerFunc {
	squeeze, err := gzhttp.NewWrapper(
		gzhttp.MinSize(compressFrom), gzhttp.CompressionLevel(gzip.BestSpeed), gzhttp.SuffixETag(gzipSuffix),
		gzhttp.EnableZstd(false),
	)
	if err != nil {
		panic("httpapi: " + err.Error()) // constant options
	}
	squeezed := squeeze(serve)
	return func(w http.ResponseWriter, r *http.Request) {
		if takesGzip(r) {
			squeezed(w, r)
			return
		}
		if h := w.Header(); h["Vary"] == nil {
			h["Vary"] = varyEncoding
		} else {
			h.Add("Vary", varyEncoding[0])
		}
		serve(w, r)
	}
}

// PlainETag returns the entity tag of the uncompressed form of an answer, from the tag of either form.
func PlainETag(etag string) string {
	if plain, ok := strings.CutSuffix(etag, gzipSuffix+`"`); ok {
		return plain + `"`
	}
	return etag
}

// takesGzip is a cheap test before gzhttp, which evaluates the preferences.
func takesGzip(r *http.Request) bool {
	given := r.Header["Accept-Encoding"]
	return len(given) > 0 && strings.Contains(given[0], "gzip")
}
