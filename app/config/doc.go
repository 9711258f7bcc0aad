// Package config reads what can be set: from flags, environment variables and a YAML file, with a default for each key.
//
// A Schema lists the keys. Those of ports come from the program, which declares each port with the schemes of the engines
// that can hold it. Everything else follows from the list: the flags, the variables, the reference in docs/configuration.md,
// and what "agora config" prints, with secrets hidden.
package config
