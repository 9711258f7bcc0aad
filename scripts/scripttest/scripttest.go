// Package scripttest runs the scripts of this repository that start servers for tests. It is imported by tests, and by packages that
// are imported by tests only.
package scripttest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// Script is a script that runs. It ends when its input does, so it cannot outlive the process that has started it.
type Script struct {
	Said []string // the first lines of its output, such as the URL of a server

	process *exec.Cmd
	input   io.Closer
}

// missingError says that a script does not find the server that it should start.
type missingError struct{ complaint string }

func (e *missingError) Error() string { return e.complaint }

// Start starts the script with a name, and returns when it has said a number of lines. Variables have the form NAME=value.
func Start(name string, lines int, variables []string, args ...string) (*Script, error) {
	_, here, _, _ := runtime.Caller(0)
	path := filepath.Join(filepath.Dir(here), "..", name)
	// The context of a test ends before its cleanups, and so before the script has removed its files.
	cmd := exec.CommandContext(context.Background(), "bash", append([]string{path}, args...)...) // #nosec G204 -- a script of this repository
	cmd.Env = append(os.Environ(), variables...)
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	input, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	output, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	s := &Script{process: cmd, input: input}
	for in := bufio.NewReader(output); len(s.Said) < lines; {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, ended(name, s.Stop(), complaints.String())
		}
		s.Said = append(s.Said, strings.TrimSpace(line))
	}
	return s, nil
}

func ended(name string, err error, complaint string) error {
	if strings.Contains(complaint, "is missing") {
		return &missingError{strings.TrimSpace(complaint)}
	}
	return fmt.Errorf("scripts/%s has ended: %w", name, errors.Join(err, errors.New(complaint)))
}

// Stop ends the script, and returns when it has stopped its server and removed its files.
func (s *Script) Stop() error {
	err := s.input.Close()
	return errors.Join(err, s.process.Wait())
}

// Need ends a test that needs a script which could not be started. Where the server is not installed the test is skipped, or fails if
// the variable CI is set.
func Need(tb testing.TB, err error) {
	tb.Helper()
	if err == nil {
		return
	}
	if _, missing := errors.AsType[*missingError](err); missing && os.Getenv("CI") == "" {
		tb.Skip("SKIPPED: ", err)
	}
	tb.Fatal(err)
}
