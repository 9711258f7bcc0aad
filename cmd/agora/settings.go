package main

import (
	"fmt"
	"os"
	"reflect"
	"strconv"
	"strings"

	"github.com/alecthomas/kong"

	"agora/app"
)

// settings are the flags of the commands that need the configuration: one for each of its keys.
type settings struct {
	File string `name:"config" placeholder:"FILE" help:"YAML file with the configuration; the variable AGORA_CONFIG may name it too."`
	kong.Plugins
}

// configFlags returns a pointer to a struct, as kong wants its flags, with a field for each key of the
// configuration. A field stays nil if its flag is not given.
func configFlags() kong.Plugins {
	keys := app.Keys()
	fields := make([]reflect.StructField, len(keys))
	for i, k := range keys {
		fields[i] = reflect.StructField{Name: fmt.Sprintf("Key%d", i), Type: reflect.TypeFor[*string](), Tag: flagTag(k)}
		if k.Switch() {
			fields[i].Type = reflect.TypeFor[*bool]()
		}
	}
	return kong.Plugins{reflect.New(reflect.StructOf(fields)).Interface()}
}

// flagTag returns what kong has to know of a key's flag.
func flagTag(k app.Key) reflect.StructTag {
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
func (s settings) load() (*app.Settings, error) {
	loaded, err := app.Load(app.Sources{File: s.File, Environ: os.Environ(), Flags: s.given()})
	if err != nil {
		return nil, usageError{err}
	}
	return loaded, nil
}

// given returns the text of the flags that were given, by the name of their key.
func (s settings) given() map[string]string {
	given := map[string]string{}
	fields := reflect.ValueOf(s.Plugins[0]).Elem()
	for i, k := range app.Keys() {
		if field := fields.Field(i); !field.IsNil() {
			given[k.Name] = fmt.Sprint(field.Elem().Interface())
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
func (f folder) load() (app.Config, error) {
	flags := map[string]string{}
	if f.Data != nil {
		flags["data"] = *f.Data
	}
	loaded, err := app.Load(app.Sources{File: f.File, Environ: os.Environ(), Flags: flags})
	if err != nil {
		return app.Config{}, usageError{err}
	}
	return loaded.Config, nil
}
