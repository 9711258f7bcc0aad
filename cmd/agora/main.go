// Agora is the data backend of a marketplace in one program. Each of its commands is a file here that holds
// the command's flags and nothing else; what a command does is in package app and below.
//
// Exit codes: 0 for done, 1 for failed, 2 for wrong usage.
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
	Import   importCommand   `cmd:"" help:"Take over the data of another system."`
	Load     loadCommand     `cmd:"" help:"Measure what a marketplace can take."`
	Verify   verifyCommand   `cmd:"" help:"Prove that what is kept is right."`
	Token    tokenCommand    `cmd:"" help:"Issue a token for the API."`
	Config   configCommand   `cmd:"" help:"Print the configuration that is in force."`
	Version  versionCommand  `cmd:"" help:"Print the version."`
}

// streams are where a command writes: results to out, everything else to err.
type streams struct{ out, err io.Writer }

// usageError is a failure that the caller mends by calling differently.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	// What the program keeps is for its user alone: personal data, password hashes, tokens.
	syscall.Umask(0o077)
	ctx, stop := untilSignal(context.Background(), os.Exit, os.Stderr)
	code := run(ctx, os.Args[1:], streams{os.Stdout, os.Stderr})
	stop()
	os.Exit(code)
}

// run does what the arguments say and returns the exit code.
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
			"\"agora serve\" is all it takes to begin."),
		kong.Writers(std.out, std.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 110}),
	)
}

// report tells people about err and returns its exit code.
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
