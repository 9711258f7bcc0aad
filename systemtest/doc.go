// Package systemtest tests the whole program from the outside: real processes, real databases, a real nginx and
// Varnish, and clients that speak HTTP. Servers are killed, frozen and filled up under load, and "agora verify"
// checks afterwards that nothing which was acknowledged is lost.
//
// A test belongs here if it needs more than one process, or a process that ends in a way that no function can. The
// flags, the help pages and the exit codes of the commands are tested in cmd/agora.
package systemtest
