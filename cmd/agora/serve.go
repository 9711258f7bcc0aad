package main

import (
	"context"

	"agora/app"
)

type serveCommand struct{ settings }

// Help implements kong.HelpProvider.
func (serveCommand) Help() string {
	return `The server runs until it gets SIGINT or SIGTERM. Then it accepts no new requests, finishes those in flight, and
closes its stores. A second signal makes it exit at once.

The systems are the shop and the feed, which has the posts and home timelines of its users; --systems turns them on
and off.

Without flags, all data is stored in ./agora-data by engines that are part of the program. Each flag is also a
key of the configuration file and an environment variable: see "agora config --help" for their names.

Examples:

    agora serve --demo
    agora serve --data /var/lib/agora --listen :8080 --log-format json
    AGORA_HTTP_TIMEOUT=5s agora serve --config agora.yaml`
}

// Run serves until ctx ends.
func (c serveCommand) Run(ctx context.Context, std streams) error {
	loaded, err := c.load()
	if err != nil {
		return err
	}
	return app.Serve(ctx, loaded.Config, version(), std.out, std.err)
}
