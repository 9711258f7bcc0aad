// Package app builds the program: it opens the engine that each port's URL names, connects the domains, and starts and stops
// all parts in order. It is the only package that imports engines, so one line of configuration replaces a store.
//
// Each system has a file with its services, workers, routes and checks, and a file with its ports: shop.go and shop_ports.go.
// Ports that all systems use are in shared.go. Each command of the program has a file too, such as verify.go.
package app
