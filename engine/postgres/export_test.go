package postgres

// TestServer is the server of the tests in package postgres_test.
var TestServer = &server
