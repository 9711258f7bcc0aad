package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// yaml applies the content of a file. It walks the syntax tree instead of decoding into a struct, because the tree has the line
// of each value and its original text.
func (l *loader) yaml(path string, content []byte) error {
	root, err := document(content)
	if err != nil || root == nil {
		return err
	}
	f := yamlFile{loader: l, path: path, lines: map[string]int{}}
	f.section("", root)
	return nil
}

// document returns the content of the only YAML document in a file, or nil for an empty file.
func document(content []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(content))
	var first yaml.Node
	if err := dec.Decode(&first); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is more than one YAML document")
	}
	root := first.Content[0]
	switch {
	case root.ShortTag() == nullTag:
		return nil, nil
	case root.Kind != yaml.MappingNode:
		return nil, errors.New("the file is not a list of keys and values")
	}
	return root, nil
}

// yamlFile applies a file.
type yamlFile struct {
	*loader
	path  string
	lines map[string]int // line of each key
}

// section applies the keys of a section, or of the whole file for "".
func (f yamlFile) section(section string, node *yaml.Node) {
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		if section != "" {
			name = section + "." + name
		}
		f.entry(name, node.Content[i].Line, value)
	}
}

// entry applies one key, which is a section or has a value.
func (f yamlFile) entry(name string, line int, value *yaml.Node) {
	as := fmt.Sprintf("%s:%d: %s", f.path, line, name)
	if first, twice := f.lines[name]; twice {
		f.wrong.Add(as, "is already set in line %d", first)
		return
	}
	f.lines[name] = line
	if f.isSection(name) {
		switch {
		case value.Kind == yaml.MappingNode:
			f.section(name, value)
		case value.ShortTag() != nullTag: // null: all of its keys are commented out
			f.wrong.Add(as, "is a section: indent its keys below it")
		}
		return
	}
	key, known := f.byName(name)
	if k, renamed := f.byFormerName(func(was string) bool { return was == name }); !known && renamed {
		f.wrong.Add(as, "is called %s now", k.Name)
		return
	}
	if !known {
		f.wrong.Add(as, "is not a key; the nearest is %s", nearest(name, f.words()))
		return
	}
	text, ok := valueText(value)
	if !ok || (value.Kind == yaml.SequenceNode && key.kind != listTag) {
		f.wrong.Add(as, "has to be %s", key.Form)
		return
	}
	f.set(key, text, "file "+f.path, as)
}

// valueText returns the original text of a scalar, or of a list of scalars joined by commas.
func valueText(value *yaml.Node) (text string, ok bool) {
	switch {
	case value.Kind == yaml.ScalarNode:
		return value.Value, value.ShortTag() != nullTag
	case value.Kind != yaml.SequenceNode:
		return "", false
	}
	items := make([]string, len(value.Content))
	for i, item := range value.Content {
		if item.Kind != yaml.ScalarNode {
			return "", false
		}
		items[i] = item.Value
	}
	return strings.Join(items, ","), true
}
