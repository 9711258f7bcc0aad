// Package shop is the room of what is bought and sold: the catalogue (product documents, search, reviews),
// stock, orders, checkout, payments and the ledger that all of it can be recomputed from.
//
// The catalogue is eventually consistent; stock, orders and money are strict: one OrderStore transaction
// holds them together. What the room is not: it knows nothing of HTTP, of SQL or of who may sign in.
package shop
