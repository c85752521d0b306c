package config

import (
	"fmt"
	"strings"

	"github.com/whippet-media/whippet/auth"
)

// A StreamKey is a fixed text that allows one action on one stream.
type StreamKey struct {
	Stream string
	Action auth.Action
	Key    Secret
}

// StreamKeySet makes what checks the keys. They were checked with the settings.
func (c *Config) StreamKeySet() (*auth.StreamKeys, error) { return streamKeySet(c.StreamKeys) }

func streamKeySet(list []StreamKey) (*auth.StreamKeys, error) {
	keys := make([]auth.StreamKey, 0, len(list))
	for _, k := range list {
		keys = append(keys, auth.StreamKey{Stream: k.Stream, Action: k.Action, Key: k.Key.Bytes()})
	}
	return auth.NewStreamKeys(keys)
}

// streamKeys reads STREAM:ACTION=KEY, from the setting and from lines of a file, where
// empty lines and those that begin with # count for nothing. What is wrong is told
// without the key.
func (e *problems) streamKeys(values []string, file string) []StreamKey {
	list := e.streamKeyLines("stream-key", values)
	if file != "" {
		b, err := readBounded(file)
		if err != nil {
			e.add("stream-key-file", "%v", err)
		}
		list = append(list, e.streamKeyLines("stream-key-file", strings.Split(string(b), "\n"))...)
	}
	if _, err := streamKeySet(list); err != nil {
		e.add("stream-key", "%v", err)
	}
	return list
}

func (e *problems) streamKeyLines(flag string, lines []string) []StreamKey {
	var list []StreamKey
	for i, line := range lines {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		k, err := parseStreamKey(line)
		if err != nil {
			e.add(flag, "number %d: %v", i+1, err)
			continue
		}
		list = append(list, k)
	}
	return list
}

func parseStreamKey(s string) (StreamKey, error) {
	name, key, found := strings.Cut(s, "=")
	stream, action, ok := strings.Cut(strings.TrimSpace(name), ":")
	if !found || !ok {
		return StreamKey{}, fmt.Errorf("write STREAM:%s=KEY or STREAM:%s=KEY", auth.Publish, auth.Subscribe)
	}
	return StreamKey{Stream: stream, Action: auth.Action(action), Key: NewSecret(strings.TrimSpace(key))}, nil
}
