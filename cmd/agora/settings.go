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

// settings are the flags of the commands that need the configuration: one for each of its keys.
type settings struct {
	File string `name:"config" placeholder:"FILE" help:"YAML file with the configuration; the variable AGORA_CONFIG may name it too."`
	kong.Plugins
}

// keyFlag is the flag of a key, under its name of today or under its former one.
type keyFlag struct {
	name string // of the key, as the configuration gets it
	tag  reflect.StructTag
	kind reflect.Type
}

// keyFlags returns the flags of all keys. Those of former names are hidden: they are there so that the configuration can
// answer what a key is called now.
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

// configFlags returns a pointer to a struct, as kong wants its flags, with a field for each key of the
// configuration. A field stays nil if its flag is not given.
func configFlags() kong.Plugins {
	flags := keyFlags()
	fields := make([]reflect.StructField, len(flags))
	for i, f := range flags {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("Key%d", i), Type: f.kind, Tag: f.tag}
	}
	return kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}
}

// flagTag returns what kong has to know of a key's flag.
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

// load returns the configuration that the flags, the environment and the file make together.
func (s settings) load() (*config.Settings, error) {
	loaded, err := app.Schema().Load(config.Sources{File: s.File, Environ: os.Environ(), Flags: s.given()})
	if err != nil {
		return nil, usageError{err}
	}
	return loaded, nil
}

// given returns the text of the flags that were given, by the name of their key.
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

// folder are the flags of the commands that work on a data folder. All other keys come from the file and
// the environment.
type folder struct {
	File string  `name:"config" placeholder:"FILE" help:"YAML file with the configuration; the variable AGORA_CONFIG may name it too."`
	Data *string `placeholder:"FOLDER" help:"Folder that everything is kept in [./agora-data]."`
}

// load returns the configuration that the flags, the environment and the file make together.
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
