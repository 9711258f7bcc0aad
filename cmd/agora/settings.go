package main

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"agora/app"
	"agora/app/config"
)

// settings are the flags of the commands that take the whole configuration: one for each of its keys.
type settings struct {
	File string `name:"config" placeholder:"FILE" help:"YAML file with the configuration. The variable AGORA_CONFIG sets it too."`
	kong.Plugins
}

// keyFlag is the flag of a key, under its current name or a former one.
type keyFlag struct {
	name string // name of the key
	tag  reflect.StructTag
	kind reflect.Type
}

// keyFlags returns the flags of all keys. Flags of former names are hidden. They exist so that the error of the configuration
// says the current name.
func keyFlags() []keyFlag {
	var flags []keyFlag
	for _, k := range app.Schema().Keys() {
		flag := keyFlag{k.Name, flagTag(k), reflect.TypeFor[*string]()}
		if k.Switch() {
			flag.kind = reflect.TypeFor[*bool]()
		}
		flags = append(flags, flag)
		if k.Was != "" {
			flags = append(flags, keyFlag{k.Was, reflect.StructTag(fmt.Sprintf("name:%q hidden:\"\"", k.Was)), flag.kind})
		}
	}
	return flags
}

// configFlags returns a pointer to a struct with a field for each key of the configuration, because kong reads flags from the
// fields of structs. A field stays nil if its flag is not given.
func configFlags() kong.Plugins {
	flags := keyFlags()
	fields := make([]reflect.StructField, len(flags))
	for i, f := range flags {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("Key%d", i), Type: f.kind, Tag: f.tag}
	}
	return kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}
}

// flagTag returns the description of a key's flag for kong.
func flagTag(k config.Key) reflect.StructTag {
	help := strings.ReplaceAll(k.Help, "$", "$$")
	if k.Default != "" {
		help += " [" + k.Default + "]"
	}
	tag := fmt.Sprintf("name:%q placeholder:%q help:%s", k.Flag(), k.Form, strconv.Quote(help))
	if k.Switch() {
		tag += ` negatable:""`
	}
	return reflect.StructTag(tag)
}

// load returns the configuration from the flags, the environment and the file.
func (s settings) load() (*config.Settings, error) {
	loaded, err := app.Schema().Load(config.Sources{File: s.File, Environ: os.Environ(), Flags: s.given()})
	if err != nil {
		return nil, usageError{err}
	}
	return loaded, nil
}

// given returns the values of the flags that were given, by the names of their keys.
func (s settings) given() map[string]string {
	given := map[string]string{}
	fields := reflect.ValueOf(s.Plugins[0]).Elem()
	for i, f := range keyFlags() {
		if field := fields.Field(i); !field.IsNil() {
			given[f.name] = fmt.Sprint(field.Elem().Interface())
		}
	}
	return given
}

// folder are the flags of the commands that work on a data folder. All other keys come from the file and the environment.
type folder struct {
	File string  `name:"config" placeholder:"FILE" help:"YAML file with the configuration. The variable AGORA_CONFIG sets it too."`
	Data *string `placeholder:"FOLDER" help:"Folder with all data [./agora-data]."`
}

// load returns the configuration from the flags, the environment and the file.
func (f folder) load() (config.Config, error) {
	flags := map[string]string{}
	if f.Data != nil {
		flags["data"] = *f.Data
	}
	loaded, err := app.Schema().Load(config.Sources{File: f.File, Environ: os.Environ(), Flags: flags})
	if err != nil {
		return config.Config{}, usageError{err}
	}
	return loaded.Config, nil
}
