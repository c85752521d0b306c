package house

import (
	"go/ast"
	"strings"
	"testing"
)

// TestReasonsAreListed: docs/logs.md explains every reason that a session, a push, a pull or a link ends for.
func TestReasonsAreListed(t *testing.T) {
	page, found := readPage(t, "docs/logs.md"), 0
	for _, s := range sources(t) {
		if s.test || s.dir != "internal/signaling" && s.dir != "internal/outbound" && s.dir != "relay/link" {
			continue
		}
		for _, spec := range constSpecs(s.file) {
			if of, ok := spec.Type.(*ast.Ident); !ok || of.Name != "Reason" {
				continue
			}
			found++
			if reason := text(t, spec.Values[0]); !strings.Contains(page, "| `"+reason+"` | ") {
				t.Errorf("the reason %q is not in docs/logs.md", reason)
			}
		}
	}
	if found < 35 {
		t.Errorf("%d reasons found in the source", found)
	}
}
