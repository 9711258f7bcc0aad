package systemtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// passwords matches the variables that Docker Compose replaces by passwords.
var passwords = regexp.MustCompile(`\$\{[A-Z]+_PASSWORD[^}]*\}`)

// TestTheComposeFileConfiguresAgora lets agora load its configuration from deploy/compose.yaml. It does not run Docker.
func TestTheComposeFileConfiguresAgora(t *testing.T) {
	content, err := os.ReadFile(filepath.Join("..", "deploy", "compose.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Environment map[string]string `yaml:"x-agora-environment"`
		Services    map[string]struct {
			Environment map[string]string `yaml:"environment"`
		} `yaml:"services"`
	}
	if err := yaml.Unmarshal(content, &file); err != nil {
		t.Fatal(err)
	}
	var variables []string
	for name, value := range file.Environment {
		if strings.HasPrefix(name, "AGORA_") {
			variables = append(variables, name+"="+passwords.ReplaceAllString(value, "hunter2"))
		}
	}
	got := runToEnd(t, command(t, variables, "config"))
	if got.code != 0 {
		t.Fatalf("agora refuses the configuration of compose.yaml: %s", got.err)
	}
	for _, line := range []string{"orders: postgres://agora@postgres/agora #", "cdn: varnish://varnish:8081 #", "listen: :9464",
		"systems: [shop, feed] #", "posts: cassandra://cassandra/agora?replication=1 #", "graph: cassandra://cassandra/agora?replication=1 #",
		"timelines: redis://", "@timelines:6379/0 #"} {
		if !strings.Contains(got.out, line) {
			t.Errorf("the configuration lacks %q:\n%s", line, got.out)
		}
	}
	for _, name := range []string{"agora1", "agora2"} {
		if file.Services[name].Environment["AGORA_SHOP_ORDERS"] != file.Environment["AGORA_SHOP_ORDERS"] {
			t.Errorf("%s lacks the shared configuration", name)
		}
	}
}
