package config

import (
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// WriteYAML writes the configuration as a file that Load accepts. A comment after each value names its source. Secrets are hidden.
func (s *Settings) WriteYAML(w io.Writer) error {
	top := &yaml.Node{Kind: yaml.MappingNode}
	sections := map[string]*yaml.Node{"": top}
	for _, k := range s.keys {
		section, ok := sections[k.Section()]
		if !ok {
			section = &yaml.Node{Kind: yaml.MappingNode}
			sections[k.Section()] = section
			top.Content = append(top.Content, word(k.Section()), section)
		}
		given := s.given[k.Name]
		section.Content = append(section.Content,
			word(strings.TrimPrefix(k.Name, k.Section()+".")), k.node(k.show(given.text), given.origin))
	}
	enc := yaml.NewEncoder(w)
	enc.SetIndent(2)
	if err := enc.Encode(top); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return enc.Close()
}

func word(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: textTag, Value: s} }

// node returns the value as YAML with a comment after it.
func (k Key) node(text, comment string) *yaml.Node {
	if k.kind != listTag {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: k.kind, Value: text, LineComment: comment}
	}
	list := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, LineComment: comment}
	for part := range strings.SplitSeq(text, ",") {
		if part != "" {
			list.Content = append(list.Content, word(strings.TrimSpace(part)))
		}
	}
	return list
}

// WriteReference writes a table of all keys as Markdown: docs/configuration.md.
func (s Schema) WriteReference(w io.Writer) error {
	var b strings.Builder
	b.WriteString(referenceHead)
	section := "none"
	for _, k := range s.Keys() {
		if k.Section() != section {
			section = k.Section()
			fmt.Fprintf(&b, "\n## %s\n\n| key | default | value | environment | flag | |\n|---|---|---|---|---|---|\n", title(section))
		}
		def := ""
		if k.Default != "" {
			def = "`" + k.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` | `--%s` | %s |\n",
			k.Name, def, strings.ReplaceAll(k.Form, "|", `\|`), k.Env(), k.Flag(), k.Help)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func title(section string) string {
	if section == "" {
		return "The program and all systems"
	}
	return section
}

const referenceHead = `# Configuration

<!-- Written by "agora config --reference". Change app/config/config.go, or a port in app, and run "make generate". -->

agora runs without any configuration. A value is taken from the first of these sources that has it:

1. a flag of ` + "`agora serve`" + `,
2. an environment variable,
3. the YAML file that ` + "`--config FILE` or `" + FileVariable + "`" + ` names,
4. the default.

An unknown key or ` + "`" + envPrefix + "`" + ` variable is an error. ` + "`agora config`" + ` prints the configuration and the source
of each value, with passwords hidden; its output can be used as a file.

The URL of a store begins with its engine, such as ` + "`sqlite:orders.db`" + `. A path is relative to the data folder
unless it begins with a slash. PostgreSQL has the URLs of its own tools, such as
` + "`postgres://user:password@host/database?sslmode=verify-full`" + `. The parameter ` + "`search_path`" + ` selects the schema, and
` + "`pool_max_conns`" + ` bounds the connections of one agora, which opens one more for the tasks that it leads.
`
