package config

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
	"gopkg.in/yaml.v3"
)

// envPrefix begins the environment variable of every setting.
const envPrefix = "WHIPPET_"

// EnvName returns the environment variable of a flag: WHIPPET_TLS_CERT of tls-cert.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Parse reads args, without the program's name, into grammar, a pointer to a struct
// for kong. Flags that bear the name of a setting in [Flags] also take their value
// from the environment, an empty variable counting as none, and from the file that
// --config or WHIPPET_CONFIG names. env is [os.LookupEnv] or a test's.
func Parse(grammar any, args []string, env func(string) (string, bool), options ...kong.Option) (*kong.Context, error) {
	k, err := kong.New(grammar, options...)
	if err != nil {
		return nil, err
	}
	file, err := readFile(filePath(k, args, env))
	if err != nil {
		return nil, err
	}
	if err := kong.Resolvers(resolver{env: env, file: file, settings: Names()}).Apply(k); err != nil {
		return nil, err
	}
	return k.Parse(args)
}

// filePath finds --config before the other settings are known.
func filePath(k *kong.Kong, args []string, env func(string) (string, bool)) string {
	if ctx, err := kong.Trace(k, args); err == nil {
		for _, flag := range ctx.Flags() {
			if flag.Name != "config" {
				continue
			}
			if path, _ := ctx.FlagValue(flag).(string); path != "" {
				return path
			}
		}
	}
	path, _ := env(EnvName("config"))
	return path
}

// resolver gives kong the values that are not on the command line.
type resolver struct {
	env      func(string) (string, bool)
	file     map[string]string
	settings map[string]bool
}

// Validate is part of kong's interface; the file was checked when it was read.
func (r resolver) Validate(*kong.Application) error { return nil }

// Resolve returns a setting's value, nil if it has none here.
func (r resolver) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if !r.settings[flag.Name] {
		return nil, nil
	}
	if v, ok := r.env(EnvName(flag.Name)); ok && v != "" {
		return v, nil
	}
	if v, ok := r.file[flag.Name]; ok {
		return v, nil
	}
	return nil, nil
}

// Names returns the names of all settings.
func Names() map[string]bool {
	names := map[string]bool{}
	collectNames(reflect.TypeFor[Flags](), names)
	return names
}

func collectNames(t reflect.Type, into map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			collectNames(f.Type, into)
			continue
		}
		into[f.Tag.Get("name")] = true
	}
}

// readFile reads the YAML file into flag values; lists become commas. No path is no
// values.
func readFile(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	b, err := readBounded(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	values, err := parseFile(b)
	if err != nil {
		return nil, fmt.Errorf("--config: %s: %w", path, err)
	}
	return values, nil
}

// parseFile keeps scalars as they are written: an address like 1.10 is not a number.
func parseFile(b []byte) (map[string]string, error) {
	var m map[string]yaml.Node
	if err := yaml.Unmarshal(b, &m); err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	names := Names()
	values := map[string]string{}
	for key, node := range m {
		if !names[key] || key == "config" {
			return nil, fmt.Errorf("line %d: there is no setting %q", node.Line, key)
		}
		v, err := nodeText(&node)
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", node.Line, key, err)
		}
		if v != "" {
			values[key] = v
		}
	}
	return values, nil
}

func nodeText(n *yaml.Node) (string, error) {
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		return "", nil
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode:
		return "", errors.New("write a value or a list of values")
	}
	var list []string
	for _, item := range n.Content {
		if item.Kind != yaml.ScalarNode {
			return "", errors.New("a list holds plain values")
		}
		list = append(list, item.Value)
	}
	return strings.Join(list, ","), nil
}

// readBounded reads a small file.
func readBounded(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxFileBytes {
		return nil, fmt.Errorf("%s is larger than %d KiB", path, maxFileBytes>>10)
	}
	return b, nil
}
