// Agora is the data backend of a marketplace in one program. Each command has a file here with its flags; its work is done by
// package app and the packages below.
//
// Exit codes: 0 for success, 1 for failure, 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"

	"github.com/alecthomas/kong"
)

// Exit codes.
const (
	failed     = 1
	wrongUsage = 2
)

// commands are the commands of the program.
type commands struct {
	Serve    serveCommand    `cmd:"" help:"Run the marketplace."`
	Generate generateCommand `cmd:"" help:"Fill a data folder with a synthetic marketplace."`
	Import   importCommand   `cmd:"" help:"Import the data of another system."`
	Load     loadCommand     `cmd:"" help:"Measure a running server under load."`
	Verify   verifyCommand   `cmd:"" help:"Check stored data against its journal."`
	Token    tokenCommand    `cmd:"" help:"Issue a token for the API."`
	Config   configCommand   `cmd:"" help:"Print the configuration in use."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// streams are where a command writes: results to out, everything else to err.
type streams struct{ out, err io.Writer }

// usageError is an error in the arguments or in the configuration.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	// Files have personal data, password hashes and tokens, so only their owner may read them.
	syscall.Umask(0o077)
	ctx, stop := untilSignal(context.Background(), os.Exit, os.Stderr)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run runs the command that the arguments name and returns the exit code.
func run(ctx context.Context, args []string, std streams) int {
	parser, err := newParser(std)
	if err != nil {
		return report(std.err, err)
	}
	command, err := parser.Parse(args)
	if err != nil {
		return report(std.err, usageError{err})
	}
	command.BindTo(ctx, (*context.Context)(nil))
	return report(std.err, command.Run(std))
}

func newParser(std streams) (*kong.Kong, error) {
	flags := configFlags()
	return kong.New(
		&commands{Serve: serveCommand{settings: settings{Plugins: flags}}, Config: configCommand{settings: settings{Plugins: flags}}},
		kong.Name("agora"),
		kong.Description("The data backend of a marketplace in one program: catalogue, stock, orders, payments and ledger.\n\n"+
			"Run \"agora serve\" to start it."),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
	)
}

// report writes err to w and returns its exit code.
func report(w io.Writer, err error) int {
	if err == nil {
		return 0
	}
	fmt.Fprintf(w, "agora: %v\n", err)
	if _, ok := errors.AsType[usageError](err); ok {
		fmt.Fprintln(w, `Run "agora --help" for usage.`)
		return wrongUsage
	}
	return failed
}
