package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
)

// A Setting is one setting in force, for those who may see how the node runs.
type Setting struct {
	Name    string   // of the flag, without its hyphens
	Values  []string // as they would be written; empty: it is not set
	Secret  bool     // Values hold a constant instead, if it is set
	Changed bool     // it is not the default
}

// InForce lists the settings in their order, without what is secret in them: values of
// flags that may come from a file of their own, and passwords and queries of URLs.
func (f Flags) InForce() []Setting {
	return listed(reflect.ValueOf(f), Names())
}

func listed(v reflect.Value, names map[string]bool) []Setting {
	var all []Setting
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.Anonymous {
			all = append(all, listed(v.Field(i), names)...)
			continue
		}
		name := field.Tag.Get("name")
		values := written(v.Field(i))
		s := Setting{
			Name: name, Secret: names[name+"-file"],
			Changed: strings.Join(values, ",") != field.Tag.Get("default"),
		}
		for _, value := range values {
			s.Values = append(s.Values, shown(value, s.Secret))
		}
		all = append(all, s)
	}
	return all
}

// written returns a setting as it is given: none for "".
func written(v reflect.Value) []string {
	if list, ok := v.Interface().([]string); ok {
		return list
	}
	if text := fmt.Sprint(v.Interface()); text != "" {
		return []string{text}
	}
	return nil
}

// shown hides what is secret in a value.
func shown(value string, secret bool) string {
	if secret {
		return hidden
	}
	label, place := "", value // [ISSUER=]URL
	if before, after, ok := strings.Cut(value, "="); ok && strings.Contains(after, "://") && !strings.Contains(before, "?") {
		label, place = before+"=", after
	}
	u, err := url.Parse(place)
	if err != nil && strings.Contains(place, "://") {
		return hidden
	}
	if err != nil || u.Scheme == "" || u.Host == "" || u.User == nil && u.RawQuery == "" {
		return value
	}
	if u.User != nil {
		u.User = url.User(hidden)
	}
	if u.RawQuery != "" {
		u.RawQuery = hidden
	}
	return label + strings.ReplaceAll(u.String(), url.PathEscape(hidden), hidden)
}
