package main

import "agora/app"

//go:generate sh -c "go run -tags sqlite_fts5 . config --reference > ../../docs/configuration.md"

type configCommand struct {
	Reference bool `help:"Print a table of all keys as Markdown instead."`
	settings
}

// Help implements kong.HelpProvider.
func (configCommand) Help() string {
	return `It prints every key with its value and where that comes from, as a YAML file that "agora serve --config"
accepts. Passwords are hidden.

A value comes from the first of these that has it: the flag (--http-max-body 2MiB), the environment variable
(AGORA_HTTP_MAX_BODY=2MiB), the file (http: {max_body: 2MiB}), the default. A key or an AGORA_ variable that
does not exist is an error.

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
