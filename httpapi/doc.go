// Package httpapi is the front door: it decodes a request, asks a service, and encodes the answer.
//
// The routes of a system are thin handlers in a chamber of their own, such as httpapi/shop. What surrounds them is the same for all and is
// written once: every request passes, in this order,
//
//  1. observation (observe.go): request id, security headers, recovery from panics, access log, duration
//  2. routing, by method and path; what no route takes is 404 or 405 (fallback.go)
//  3. admission (admission.go): span, deadline, concurrency limit, rate limit by address, authentication,
//     rate limit by token, and the access that the route declares
//  4. the body: media type, bodies on their way at once, size, read deadline, strict JSON (body.go,
//     arrivals.go, decode.go)
//  5. the handler, whose answer is compressed where that pays (compress.go)
//
// and every failure anywhere in it becomes a Problem (problem.go). The OpenAPI document is made from the
// same declarations that serve, so that it cannot say anything else.
//
// What it is not: a place for rules of the business. Whose order it is and whether stock is left is
// decided by the services, which give fault errors.
package httpapi
