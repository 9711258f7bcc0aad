// Package accounts holds the rules of users, credentials, sessions, tokens and roles. Which role may call a route is declared
// by the route.
//
// Personal data (e-mail, address, birth date) is in PersonalStore, apart from the public profile in UserStore, because it has
// to stay in its owner's region.
package accounts
