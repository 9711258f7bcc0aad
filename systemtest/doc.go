// Package systemtest tests the whole program from the outside: with real processes, databases, nginx and Varnish, and with HTTP
// clients. Under load, it kills servers, stops them and fills their disks. Afterwards it runs "agora verify" to check that no
// acknowledged write is lost.
//
// A test belongs here if it needs several processes, or if it kills or stops one. The flags, the help pages and the exit codes of
// the commands are tested in cmd/agora.
package systemtest
