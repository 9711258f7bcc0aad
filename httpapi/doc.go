// Package httpapi serves the API over HTTP: it decodes a request, calls a service, and encodes the answer. Rules of the
// business are in the services, which return fault errors.
//
// The routes of a system are handlers in a chamber of their own, such as httpapi/shop. Every request passes through the
// same chain, in this order:
//
//  1. observation (observe.go): request id, security headers, recovery from panics, access log, duration
//  2. routing by method and path; the answer without a route is 404 or 405 (fallback.go)
//  3. admission (admission.go): CORS (cors.go), span, deadline, limit of requests in flight, rate limit by address,
//     authentication by token or key (keys.go), rate limit by token, and the access that the route declares (access.go)
//  4. the body (body.go): limit of bodies that are being received (arrivals.go), time, size, and either strict JSON
//     that fits the schema (jsonbody.go, decode.go, validate.go) or raw bytes (raw.go, contentcoding.go)
//  5. the handler, whose answer is compressed (compress.go), or is a stream of events (stream.go, sse.go)
//
// Every failure in the chain becomes a Problem (problem.go, mistakes.go). The OpenAPI document (openapi.go) is made from the
// declarations that serve the requests.
package httpapi
