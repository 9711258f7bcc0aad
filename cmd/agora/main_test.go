package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"agora/app"
)

// TestMain lets the test binary be the program itself, so that the tests run a real process.
func TestMain(m *testing.M) {
	if os.Getenv("BE_THE_PROGRAM") != "" {
		main()
	}
	os.Exit(m.Run())
}

// command returns the program with arguments, in an empty folder and with no variables but the given ones.
func command(t *testing.T, variables []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append([]string{"BE_THE_PROGRAM=1", "PATH=" + os.Getenv("PATH")}, variables...)
	return cmd
}

// outcome is what a finished process left.
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

func TestExitCodes(t *testing.T) {
	for _, tt := range []struct {
		name      string
		variables []string
		args      []string
		code      int
		out, err  string
	}{
		{"version", nil, []string{"version"}, 0, "agora ", ""},
		{"help", nil, []string{"--help"}, 0, "Run the marketplace.", ""},
		{"no command", nil, nil, 2, "", "expected one of"},
		{"unknown command", nil, []string{"sell"}, 2, "", "unexpected argument sell"},
		{"unknown flag", nil, []string{"serve", "--lisen", ":1"}, 2, "", "unknown flag --lisen"},
		{"bad value", nil, []string{"serve", "--http-timeout", "soon"}, 2, "", "--http-timeout has to be a duration"},
		{"unknown variable", []string{"AGORA_LISEN=:1"}, []string{"config"}, 2, "", "the nearest is AGORA_LISTEN"},
		{"missing file", nil, []string{"config", "--config", "none.yaml"}, 2, "", "none.yaml"},
		{"cannot listen", nil, []string{"serve", "--listen", "256.0.0.1:0"}, 1, "", "start http server"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := runToEnd(t, command(t, tt.variables, tt.args...))
			if got.code != tt.code || !strings.Contains(got.out, tt.out) || !strings.Contains(got.err, tt.err) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d, %q, %q", got.code, got.out, got.err, tt.code, tt.out, tt.err)
			}
		})
	}
}

func TestHelpOfEachCommandSaysHowItIsUsed(t *testing.T) {
	for _, name := range []string{"serve", "generate", "import retail", "verify shop", "verify feed", "load shop", "token", "config", "version"} {
		got := runToEnd(t, command(t, nil, append(strings.Fields(name), "--help")...))
		if got.code != 0 || !strings.Contains(got.out, "Usage: agora "+name) {
			t.Errorf("%s --help: exit code %d, %q", name, got.code, got.out)
		}
		if name == "version" {
			continue
		}
		if !strings.Contains(got.out, "Examples:") {
			t.Errorf("%s --help has no examples", name)
		}
		if name != "serve" && name != "config" {
			continue // it takes the data folder alone
		}
		for _, k := range app.Schema().Keys() {
			flag := "--" + k.Flag() + "="
			if k.Switch() {
				flag = "--[no-]" + k.Flag()
			}
			if !strings.Contains(got.out, flag) {
				t.Errorf("%s --help lacks %s", name, flag)
			}
		}
	}
}

func TestConfigPrintsWhatEachSourceSays(t *testing.T) {
	cmd := command(t, []string{"AGORA_DEMO=true", "AGORA_LISTEN=:2"}, "config", "--config", "a.yaml", "--no-demo", "--http-max-body=2MiB")
	if err := os.WriteFile(filepath.Join(cmd.Dir, "a.yaml"), []byte("shop: {hold: 1h}\nlisten: :1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	got := runToEnd(t, cmd)
	if got.code != 0 {
		t.Fatalf("exit code %d: %s", got.code, got.err)
	}
	for _, line := range []string{
		"data: ./agora-data # default", "demo: false # flag --demo", "listen: :2 # environment AGORA_LISTEN",
		"  max_body: 2MiB # flag --http-max-body", "  hold: 1h # file a.yaml",
	} {
		if !strings.Contains(got.out, line+"\n") {
			t.Errorf("lacks %q:\n%s", line, got.out)
		}
	}
}

func TestConfigReferenceIsMarkdown(t *testing.T) {
	got := runToEnd(t, command(t, nil, "config", "--reference"))
	if got.code != 0 || !strings.HasPrefix(got.out, "# Configuration\n") {
		t.Errorf("exit code %d, output %.60q", got.code, got.out)
	}
}

func TestTheSecondSignalEndsAtOnce(t *testing.T) {
	exits := make(chan int, 1)
	ctx, stop := untilSignal(t.Context(), func(code int) { exits <- code }, io.Discard)
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	select {
	case code := <-exits:
		t.Fatalf("the first signal called exit(%d)", code)
	default:
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-exits; code != failed {
		t.Errorf("the second signal called exit(%d), want %d", code, failed)
	}
}
