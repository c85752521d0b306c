package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed static
var static embed.FS

// mediaTypes are spelled out because the tables of operating systems differ.
var mediaTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".svg":  "image/svg+xml",
}

// A file is one embedded file with what HTTP says about it. Its body never changes.
type file struct {
	body      []byte
	mediaType string
	etag      string // strong, of the content
}

// load reads all embedded files, by their path inside static/. It panics if one has
// an unknown type, which is a mistake made at build time.
func load() map[string]file {
	files := make(map[string]file)
	root, err := fs.Sub(static, "static")
	if err != nil {
		panic("web: " + err.Error())
	}
	err = fs.WalkDir(root, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		body, err := fs.ReadFile(root, name)
		files[name] = newFile(name, body)
		return err
	})
	if err != nil {
		panic("web: " + err.Error())
	}
	return files
}

func newFile(name string, body []byte) file {
	mediaType, ok := mediaTypes[path.Ext(name)]
	if !ok {
		panic("web: no media type for " + name)
	}
	sum := sha256.Sum256(body)
	return file{body: body, mediaType: mediaType, etag: `"` + hex.EncodeToString(sum[:12]) + `"`}
}

// serve answers GET and HEAD, also conditional ones. Names carry no version, so a
// browser asks each time whether its copy is still right: after an upgrade, modules
// of two versions must never meet.
func (f file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.mediaType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", f.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.body))
}
