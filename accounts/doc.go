// Package accounts is the room of the people who sign in: users, credentials, sessions, tokens and roles.
//
// Personal data (e-mail, address, birth date) lives behind PersonalStore, a port of its own, apart from the
// public profile in UserStore, because it has to be able to stay in its owner's region. What the room is
// not: the place that decides what a role may do with an order or a product. Each route declares that.
package accounts
