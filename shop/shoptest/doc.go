// Package shoptest holds the conformance suites of the shop's ports. An engine is a CatalogStore or an
// OrderStore if, and only if, it passes the suite; the in-memory references pass them too.
package shoptest
