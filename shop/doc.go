// Package shop is the domain of buying and selling: the catalogue (product documents, search, reviews),
// stock, orders, checkout, payments, and the ledger from which all of these can be recomputed.
//
// The catalogue is eventually consistent; stock, orders and money are strictly consistent: one OrderStore
// transaction changes them together. HTTP belongs to httpapi, SQL to the engines, and sign-in to accounts.
package shop
