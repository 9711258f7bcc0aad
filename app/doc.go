// Package app puts the program together: it opens the engine that each port's URL names, joins the domains, and starts and
// stops everything in order. It alone imports engines, so that a store is exchanged by one line of configuration.
//
// Each system has a file with its services, workers, routes and checks, and one with its ports: shop.go and shop_ports.go. What
// all systems share is in shared.go. Each command of the program has a file too, such as verify.go.
package app
