package config

import (
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// WriteYAML writes the configuration that is in force, as a file that Load accepts. A comment after each value says where
// the value comes from. Secrets are hidden.
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
		return "The program, and what all systems share"
	}
	return section
}

const referenceHead = `# Configuration

<!-- Written by "agora config --reference". Change app/config/config.go, or a port in app, and run "make generate". -->

agora runs without any configuration. Whatever is set comes from, and the first of these wins:

1. a flag of ` + "`agora serve`" + `,
2. an environment variable,
3. the YAML file that ` + "`--config FILE` or `" + FileVariable + "`" + ` names,
4. the default.

A key or an ` + "`" + envPrefix + "`" + ` variable that does not exist is an error. ` + "`agora config`" + ` prints what is in
force and where each value comes from, with passwords hidden; its output can be used as a file.

A store's URL begins with its engine, such as ` + "`sqlite:orders.db`" + `. A path is relative to the data folder
unless it begins with a slash. PostgreSQL is named as its own tools name it, such as
` + "`postgres://user:password@host/database?sslmode=verify-full`" + `: ` + "`search_path`" + ` chooses the schema and ` + "`pool_max_conns`" + `
how many connections one agora may have open, besides one for the tasks that it leads for all servers.
`
