// Package config reads the configuration from flags, environment variables and a YAML file, with a default for each key.
//
// A Schema lists the keys. The program adds the keys of its ports, each with the URL schemes of the engines that implement it.
// The flags, the variables, the reference in docs/configuration.md and the output of "agora config", which hides secrets, are
// derived from this list.
package config
