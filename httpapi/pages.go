package httpapi

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"mime"
	"net/http"
	"path"
)

//go:embed docs/docs.html docs/docs.css docs/docs.js
var docsFiles embed.FS

// docsPolicy allows the page its own script and style, and calls of the API.
var docsPolicy = []string{"default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"}

// addDocumentation adds the OpenAPI document and the page that shows it.
func (s *Server) addDocumentation() {
	document := s.document()
	s.Mount(Route{Method: "GET", Path: "/openapi.json", Access: Public}, http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			body := document()
			Document{Body: body, ETag: tagOf(body), CacheControl: "no-cache"}.write(w, r)
		}))
	for route, file := range map[string]string{"/docs": "docs.html", "/docs/docs.css": "docs.css", "/docs/docs.js": "docs.js"} {
		s.Mount(Route{Method: "GET", Path: route, Access: Public}, docsFile(file))
	}
}

func docsFile(name string) http.Handler {
	body, err := docsFiles.ReadFile("docs/" + name)
	if err != nil {
		panic("httpapi: " + err.Error()) // the file is embedded
	}
	doc := Document{Body: body, ETag: tagOf(body), CacheControl: "no-cache"}
	kind := []string{mime.TypeByExtension(path.Ext(name))}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Type"] = kind
		h["Content-Security-Policy"] = docsPolicy
		doc.write(w, r)
	})
}

// tagOf returns an entity tag that is the hash of the body.
func tagOf(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}
