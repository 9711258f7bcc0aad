package config

import (
	"maps"
	"os"
	"slices"
	"strings"

	"agora/fault"
)

const (
	envPrefix = "AGORA_"

	// FileVariable is the environment variable with the path of the configuration file. The flag overrides it.
	FileVariable = envPrefix + "CONFIG"
)

// Sources are the sources of the configuration. A flag overrides the environment, the environment overrides the file, and the file
// overrides the defaults.
type Sources struct {
	File    string            // path of a YAML file; "" for the file that AGORA_CONFIG names, if any
	Environ []string          // NAME=value, as os.Environ returns it
	Flags   map[string]string // values of the given flags, by the names of their keys
}

// Settings are the configuration and the source of each value.
type Settings struct {
	Config
	keys  []Key
	given map[string]setting // by the name of the key
}

// setting is the text of a value and its source.
type setting struct {
	text   string
	origin string // "default", "file agora.yaml", "environment AGORA_DATA" or "flag --data"
}

// Load reads all sources. Its error is fault.Invalid. It names every invalid value, and every unknown key and variable with the
// nearest known one.
func (s Schema) Load(src Sources) (*Settings, error) {
	l := newLoader(s)
	environ := environment(src.Environ)
	if src.File == "" {
		src.File = environ[FileVariable]
	}
	delete(environ, FileVariable)
	if src.File != "" {
		if err := l.file(src.File); err != nil {
			return nil, err
		}
	}
	l.variables(environ)
	l.flags(src.Flags)
	if err := l.wrong.Err(); err != nil {
		return nil, err
	}
	return l.settings, nil
}

// loader applies one source after the other and collects the errors of all of them.
type loader struct {
	keys     []Key
	settings *Settings
	wrong    fault.Collector
}

// newLoader returns a loader that has applied the defaults.
func newLoader(s Schema) *loader {
	l := &loader{keys: s.Keys(), settings: &Settings{Config: Config{engines: map[string]Engine{}}, given: map[string]setting{}}}
	l.settings.keys = l.keys
	for _, k := range l.keys {
		l.set(k, k.Default, "default", k.Name)
	}
	return l
}

// set sets a key to a text from origin. as is the key's name in that source, for errors.
func (l *loader) set(k Key, text, origin, as string) {
	if err := k.set(&l.settings.Config, text); err != nil {
		l.wrong.Add(as, "%v", err)
		return
	}
	l.settings.given[k.Name] = setting{text: text, origin: origin}
}

// file applies a YAML file.
func (l *loader) file(path string) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "read the configuration file")
	}
	if err := l.yaml(path, content); err != nil {
		return fault.Wrap(fault.Invalid, err, "read the configuration file "+path)
	}
	return nil
}

// environment returns the variables that begin with AGORA_, by their names.
func environment(environ []string) map[string]string {
	variables := map[string]string{}
	for _, variable := range environ {
		if name, value, ok := strings.Cut(variable, "="); ok && strings.HasPrefix(name, envPrefix) {
			variables[name] = value
		}
	}
	return variables
}

func (l *loader) variables(environ map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(environ)) {
		i := slices.IndexFunc(l.keys, func(k Key) bool { return k.Env() == name })
		if k, renamed := l.byFormerName(func(was string) bool { return envOf(was) == name }); i < 0 && renamed {
			l.wrong.Add(name, "is called %s now", k.Env())
			continue
		}
		if i < 0 {
			l.wrong.Add(name, "is not a variable of agora; the nearest is %s", nearest(name, l.names(Key.Env)))
			continue
		}
		l.set(l.keys[i], environ[name], "environment "+name, name)
	}
}

func (l *loader) flags(flags map[string]string) {
	for _, name := range slices.Sorted(maps.Keys(flags)) {
		key, known := l.byName(name)
		if k, renamed := l.byFormerName(func(was string) bool { return was == name }); !known && renamed {
			l.wrong.Add("--"+name, "is called --%s now", k.Flag())
			continue
		}
		if !known {
			l.wrong.Add(name, "is not a key; the nearest is %s", nearest(name, l.names(Key.name)))
			continue
		}
		l.set(key, flags[name], "flag --"+key.Flag(), "--"+key.Flag())
	}
}

func (l *loader) byName(name string) (Key, bool) {
	i := slices.IndexFunc(l.keys, func(k Key) bool { return k.Name == name })
	if i < 0 {
		return Key{}, false
	}
	return l.keys[i], true
}

// byFormerName returns the key for whose former name is returns true.
func (l *loader) byFormerName(is func(was string) bool) (Key, bool) {
	i := slices.IndexFunc(l.keys, func(k Key) bool { return k.Was != "" && is(k.Was) })
	if i < 0 {
		return Key{}, false
	}
	return l.keys[i], true
}

func (l *loader) isSection(name string) bool {
	return slices.ContainsFunc(l.keys, func(k Key) bool { return k.Section() == name })
}

// words returns the words that may be in a file: the keys and their sections.
func (l *loader) words() []string {
	return slices.DeleteFunc(append(l.names(Key.name), l.names(Key.Section)...), func(w string) bool { return w == "" })
}

func (l *loader) names(of func(Key) string) []string {
	names := make([]string, len(l.keys))
	for i, k := range l.keys {
		names[i] = of(k)
	}
	return names
}

func (k Key) name() string { return k.Name }

// nearest returns the known word with the least Levenshtein distance from word.
func nearest(word string, known []string) string {
	return slices.MinFunc(known, func(a, b string) int { return edits(word, a) - edits(word, b) })
}

func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
