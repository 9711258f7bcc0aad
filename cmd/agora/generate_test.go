package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestGenerateAddsFollowsAndPostsOnce(t *testing.T) {
	data := t.TempDir()
	args := []string{"generate", "--data", data, "--products", "20", "--users", "40", "--follows", "4", "--posts", "2"}
	for _, fresh := range []bool{true, false} {
		got := runToEnd(t, command(t, nil, args...))
		if got.code != 0 {
			t.Fatalf("exit code %d: %s", got.code, got.err)
		}
		for stage, total := range map[string]string{"follows": "40", "followers": "40", "posts": "80"} {
			added := "0"
			if fresh {
				added = total
			}
			if line := regexp.MustCompile(`(?m)^` + stage + ` +` + total + `, ` + added + ` of them new$`); !line.MatchString(got.out) {
				t.Errorf("%s lacks %s", got.out, line)
			}
		}
	}
}

func TestGenerateRefusesFollowsThatCannotBe(t *testing.T) {
	for want, args := range map[string][]string{
		"follows needs more than twice as many users": {"--users", "40", "--follows", "20"},
		"posts is not between 0 and 1000":             {"--posts", "1001"},
		"systems has to include feed":                 {"--users", "40", "--products", "0", "--posts", "1"},
	} {
		got := runToEnd(t, command(t, []string{"AGORA_SYSTEMS=shop"}, append([]string{"generate"}, args...)...))
		if got.code == 0 || !strings.Contains(got.err, want) {
			t.Errorf("%v: exit code %d, %q; want %q", args, got.code, got.err, want)
		}
	}
}
