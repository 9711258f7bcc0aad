package main

import "agora/app"

//go:generate sh -c "go run -tags sqlite_fts5 . config --reference > ../../docs/configuration.md"

type configCommand struct {
	Reference bool `help:"Print a table of all keys in Markdown instead."`
	settings
}

// Help implements kong.HelpProvider.
func (configCommand) Help() string {
	return `It prints every key with its value and the source of the value, as a YAML file that "agora serve --config"
accepts. Passwords are hidden.

A flag (--http-max-body 2MiB) overrides an environment variable (AGORA_HTTP_MAX_BODY=2MiB), a variable overrides
the file (http: {max_body: 2MiB}), and the file overrides the default. An unknown key or AGORA_ variable is an
error.

Examples:

    agora config
    agora config --config agora.yaml --listen :8080
    agora config > agora.yaml`
}

// Run prints the configuration.
func (c configCommand) Run(std streams) error {
	if c.Reference {
		return app.Schema().WriteReference(std.out)
	}
	loaded, err := c.load()
	if err != nil {
		return err
	}
	return loaded.WriteYAML(std.out)
}
