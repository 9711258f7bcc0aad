package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set by -ldflags "-X main.release=v1.2.3" where the program is built outside of its repository.
var release string

type versionCommand struct{}

// Help implements kong.HelpProvider.
func (versionCommand) Help() string {
	return `It prints the release, the Go version and the platform that the program was built for.`
}

// Run prints the version.
func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "agora %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the release, or what the Go toolchain recorded of the repository at the time of building.
func version() string {
	recorded := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		recorded = info.Main.Version
	}
	return cmp.Or(release, recorded, "(unknown)")
}
