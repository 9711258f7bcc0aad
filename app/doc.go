// Package app is where the program is put together: it reads the configuration, opens the engine that
// each port's URL names, joins the domains, and starts and stops everything in order. It alone imports
// engines, so that a store is exchanged by one line of configuration.
//
// What it is not: a place for rules. What a shop does is in the domains, what a route says is in httpapi,
// and what a command's flags are called is in cmd/agora.
package app
