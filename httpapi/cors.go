package httpapi

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"agora/fault"
)

// CORS allows scripts of other sites to call a route from a browser. Cookies play no role: callers authenticate with the
// Authorization header.
type CORS struct {
	Origins []string      // such as https://shop.example; "*" for all
	Headers []string      // of requests, in addition to Authorization, Content-Type and Content-Encoding
	Exposes []string      // headers of answers that scripts may read, in addition to the safelisted ones
	MaxAge  time.Duration // how long a browser may cache the result of a preflight; 0 for an hour
}

// crossHeaders are the headers that requests may have on every route with CORS.
var crossHeaders = []string{"Authorization", "Content-Type", "Content-Encoding"}

func (c *CORS) allows(origin string) bool {
	return origin != "" && (slices.Contains(c.Origins, "*") || slices.Contains(c.Origins, origin))
}

// allow adds the headers by which scripts of an allowed origin can read the answer, also that of a failure.
func (c *CORS) allow(h http.Header, origin string) {
	h.Add("Vary", "Origin")
	if !c.allows(origin) {
		return
	}
	h.Set("Access-Control-Allow-Origin", origin)
	if len(c.Exposes) > 0 {
		h.Set("Access-Control-Expose-Headers", strings.Join(c.Exposes, ", "))
	}
}

// preflights are the routes with CORS at one path, by method.
type preflights map[string]*CORS

// addPreflight adds the OPTIONS route by which browsers ask whether a script may call the route.
func (s *Server) addPreflight(rt Route) {
	if known := s.crossOrigin[rt.Path]; known != nil {
		known[rt.Method] = rt.CORS
		return
	}
	at := preflights{rt.Method: rt.CORS}
	s.crossOrigin[rt.Path] = at
	s.add(Route{Method: http.MethodOptions, Path: rt.Path, Access: Public}, func(w http.ResponseWriter, r *http.Request) {
		origin, method := r.Header.Get("Origin"), r.Header.Get("Access-Control-Request-Method")
		cors := at[method]
		if cors == nil || !cors.allows(origin) {
			s.fail(exchangeOf(r.Context()), fault.New(fault.Denied, "origin_denied", "scripts of this origin may not call this method here"))
			return
		}
		maxAge := cmp.Or(cors.MaxAge, time.Hour)
		h := w.Header()
		h["Vary"] = []string{"Access-Control-Request-Method"}
		cors.allow(h, origin)
		h.Set("Access-Control-Allow-Methods", method)
		h.Set("Access-Control-Allow-Headers", strings.Join(slices.Concat(crossHeaders, cors.Headers), ", "))
		h.Set("Access-Control-Max-Age", strconv.Itoa(int(maxAge.Seconds())))
		w.WriteHeader(http.StatusNoContent)
	})
}
