package api

import (
	"net/http"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"
)

// BrowsePath is where [Browse] must be.
const BrowsePath = "/api/"

// browsePolicy lets the page have what is embedded, and reach this port alone: whoever
// uses it gives it an operator's token. Swagger UI writes styles and a script into it.
const browsePolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; " +
	"img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Browse returns the page that shows the document and sends requests from it. Everything
// it needs is in the program.
func Browse() http.Handler {
	page := v5emb.NewHandlerWithConfig(swgui.Config{
		Title: "Whippet", SwaggerJSON: documentPath, BasePath: BrowsePath,
		HideCurl: false, ShowTopBar: false,
		SettingsUI: map[string]string{"defaultModelsExpandDepth": "1"},
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "This page is only read.", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", browsePolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		page.ServeHTTP(w, r)
	})
}
