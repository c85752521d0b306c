package whip

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/forwarder"
	"github.com/whippet-media/whippet/internal/signaling"
)

const diagnosisMethods = "OPTIONS, GET, HEAD"

// diagnosis shows a publisher what is wrong with its media: whoever may only publish is
// told nowhere else. No Link announces it, since a relation of our own is none of WHIP's
// (RFC 9725 §4.9), and some publishers take every Link for an ICE server.
func (h *Handler) diagnosis() signaling.Extension {
	return signaling.Extension{
		Name: "diagnosis",
		Allow: func(below string) string {
			if below != "" {
				return ""
			}
			return diagnosisMethods
		},
		Serve: serveDiagnosis,
	}
}

// serveDiagnosis answers GET and HEAD with a JSON array of findings, the gravest first.
func serveDiagnosis(c echo.Context, s *signaling.Session, _ string) error {
	findings := []forwarder.Finding{} // never null
	if p := s.Parts().Publication; p != nil {
		findings = append(findings, p.Diagnosis()...)
	}
	body, err := json.Marshal(findings)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	return c.JSONBlob(http.StatusOK, body)
}
