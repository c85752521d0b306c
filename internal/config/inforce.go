package config

import (
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"time"
)

// A Setting is one setting in force, for those who may see how the node runs.
type Setting struct {
	Name    string   // of the flag, without its hyphens
	Values  []string // as they would be written; empty: it is not set
	Secret  bool     // Values hold a constant instead, if it is set
	Changed bool     // it is not the default
}

// InForce lists the settings in their order, without what is secret in them: values of
// flags that may come from a file of their own, passwords and queries of URLs, and the
// paths of those that are capabilities.
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
		usual := field.Tag.Get("default")
		values := written(v.Field(i), usual)
		if _, ok := v.Field(i).Interface().(time.Duration); ok {
			if d, err := time.ParseDuration(usual); err == nil {
				usual = d.String() // as written prints it
			}
		}
		s := Setting{Name: name, Secret: names[name+"-file"], Changed: strings.Join(values, ",") != usual}
		for _, value := range values {
			switch {
			case s.Secret:
				s.Values = append(s.Values, hidden)
			case !strings.Contains(value, "://"):
				s.Values = append(s.Values, value)
			default:
				s.Values = append(s.Values, shownURL(value, name == "webhook" || name == "push" || name == "pull"))
			}
		}
		all = append(all, s)
	}
	return all
}

// written returns a setting as it is given: none for one that is not set.
func written(v reflect.Value, usual string) []string {
	if list, ok := v.Interface().([]string); ok {
		return list
	}
	if usual == "" && v.IsZero() {
		return nil
	}
	return []string{fmt.Sprint(v.Interface())}
}

// shownURL hides what is secret in a URL with a label and = in front of it, or without.
func shownURL(value string, path bool) string {
	label, place := cutURL(value)
	if label != "" {
		label += "="
	}
	u, err := url.Parse(place)
	if err != nil || u.Host == "" {
		return label + hidden
	}
	if u.User != nil {
		u.User = url.User(hidden)
	}
	if u.RawQuery != "" {
		u.RawQuery = hidden
	}
	if path && strings.Trim(u.Path, "/") != "" {
		u.Path, u.RawPath = "/"+hidden, ""
	}
	return label + strings.ReplaceAll(u.String(), url.PathEscape(hidden), hidden)
}
