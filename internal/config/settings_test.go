package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/whippet-media/whippet/internal/config"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const settingsPage = "../../docs/settings.md"

// TestSettingsPage holds docs/settings.md to the code.
func TestSettingsPage(t *testing.T) {
	want := renderSettings(t)
	if *update {
		if err := os.WriteFile(settingsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/settings.md is not what the flags say; run: go test ./internal/config -update")
	}
}

const settingsHead = `# Settings

Each setting is a flag of ` + "`whippet serve`" + `, an environment variable and a key of the YAML file that ` + "`--config`" + `
(or ` + "`WHIPPET_CONFIG`" + `) names. The flag wins over the variable, that over the file, that over the default. An empty
variable counts as none. Lists are separated by commas; in the file they may also be YAML lists. Keys of the file are the flags' names
without the dashes in front:

` + "```yaml" + `
http: :8443
announce: [203.0.113.7]
tls-cert: /etc/whippet/fullchain.pem
tls-key: /etc/whippet/privkey.pem
jwt-secret-file: /run/secrets/whippet
` + "```" + `

This page is generated from ` + "`internal/config/flags.go`" + ` by ` + "`go test ./internal/config -update`" + `.
`

func renderSettings(t *testing.T) string {
	t.Helper()
	var flags struct{ config.Flags }
	k, err := kong.New(&flags)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString(settingsHead)
	group := ""
	for _, f := range k.Model.Flags {
		if f.Name == "help" {
			continue
		}
		if g := groupOf(f); g != group || f.Name == "config" {
			group = g
			fmt.Fprintf(&b, "\n## %s\n\n| flag | variable | default | meaning |\n|---|---|---|---|\n", g)
		}
		def := ""
		if f.Default != "" {
			def = "`" + f.Default + "`"
		}
		if f.Help == "" {
			t.Errorf("--%s has no help text", f.Name)
		}
		fmt.Fprintf(&b, "| `--%s` | `%s` | %s | %s |\n", f.Name, config.EnvName(f.Name), def, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	return b.String()
}

func groupOf(f *kong.Flag) string {
	if f.Group == nil {
		return "General"
	}
	return f.Group.Title
}

// TestEverySecretHasAFile: a secret on the command line can be read by others.
func TestEverySecretHasAFile(t *testing.T) {
	names := config.Names()
	for name := range names {
		if strings.HasSuffix(name, "-secret") && !names[name+"-file"] {
			t.Errorf("--%s has no --%s-file", name, name)
		}
	}
}
