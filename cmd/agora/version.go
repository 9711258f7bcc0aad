package main

import (
	"cmp"
	"fmt"
	"runtime"
	"runtime/debug"
)

// release is set with -ldflags "-X main.release=v1.2.3" by builds outside of the repository.
var release string

type versionCommand struct{}

// Help implements kong.HelpProvider.
func (versionCommand) Help() string {
	return `The version consists of the release, the Go version and the platform of the build.`
}

// Run prints the version.
func (versionCommand) Run(std streams) error {
	_, err := fmt.Fprintf(std.out, "agora %s, %s, %s/%s\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version returns the release, or the version that the Go toolchain recorded at build time.
func version() string {
	recorded := ""
	if info, ok := debug.ReadBuildInfo(); ok {
		recorded = info.Main.Version
	}
	return cmp.Or(release, recorded, "(unknown)")
}
