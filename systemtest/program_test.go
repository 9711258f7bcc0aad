package systemtest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
)

// program is the path of the agora that the tests run.
var program string

// TestMain builds the program once for all tests, with the race detector if the tests have it.
func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "agora-systemtest-")
	if err != nil {
		fail(err)
	}
	program = filepath.Join(folder, "agora")
	if err := build(program); err != nil {
		_ = os.RemoveAll(folder)
		fail(err)
	}
	code := database.Run(m)
	if err := os.RemoveAll(folder); err != nil {
		fail(err)
	}
	os.Exit(code)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "systemtest:", err)
	os.Exit(1)
}

// build builds the program into the file at path.
func build(path string) error {
	args := []string{"build", "-o", path}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return errors.New("the test binary does not say how it was built")
	}
	for _, setting := range info.Settings {
		if setting.Key == "-race" || setting.Key == "-tags" {
			args = append(args, setting.Key+"="+setting.Value)
		}
	}
	out, err := exec.CommandContext(context.Background(), "go", append(args, "agora/cmd/agora")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build agora: %w\n%s", err, out)
	}
	return nil
}

// command returns the program with arguments, in an empty folder and with no variables but the given ones.
func command(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH")}, variables...)
	return cmd
}

// outcome has the exit code and the output of a process.
type outcome struct {
	code     int
	out, err string
}

func runToEnd(t *testing.T, cmd *exec.Cmd) outcome {
	t.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		if _, ok := errors.AsType[*exec.ExitError](err); !ok {
			t.Fatal(err)
		}
	}
	return outcome{cmd.ProcessState.ExitCode(), out.String(), errs.String()}
}

// addressFrom reads the address that the server prints when it listens.
func addressFrom(t *testing.T, out io.Reader) string {
	t.Helper()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("no address: %v", err)
	}
	return strings.TrimSpace(strings.TrimPrefix(line, "agora is at "))
}

func checkHealth(t *testing.T, url string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url+"/healthz", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := response.Body.Close(); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("/healthz = %d, %v; want 200", response.StatusCode, err)
	}
}
