package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/internal/signaling"
)

// The media types of bodies.
const (
	typeJSON  = "application/json"
	typePatch = "application/merge-patch+json" // RFC 7396
)

// dressed makes problems of what the generated routes say of parameters.
func dressed(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		err := next(c)
		var bad *echo.HTTPError
		if errors.As(err, &bad) && bad.Code == http.StatusBadRequest {
			return badParameter("A parameter is missing, comes twice, or is not of its type; see openapi.yaml.")
		}
		return err
	}
}

func badParameter(detail string) *signaling.Problem {
	return signaling.NewProblem(http.StatusBadRequest, "bad-parameter", detail)
}

func badValue(detail string) *signaling.Problem {
	return signaling.NewProblem(http.StatusUnprocessableEntity, "bad-value", detail)
}

// body reads a request's body of one of the media types.
func (h *Handler) body(c echo.Context, types ...string) ([]byte, error) {
	if !slices.ContainsFunc(types, func(t string) bool { return signaling.HasType(c.Request(), t) }) {
		return nil, signaling.NewProblem(http.StatusUnsupportedMediaType, "not-json", "Send JSON with Content-Type: "+types[0]+".")
	}
	return h.cfg.Service.ReadBody(c)
}

// read reads a request's body, an object with the members of into, a pointer to a struct
// with json tags.
func (h *Handler) read(c echo.Context, into any, types ...string) error {
	b, err := h.body(c, types...)
	if err != nil {
		return err
	}
	return decode(b, into)
}

// decode is strict: names match exactly, no member is unknown or null.
func decode(b []byte, into any) error {
	members, err := object(b)
	if err != nil {
		return err
	}
	known := names(into)
	for name, value := range members {
		switch {
		case !slices.Contains(known, name):
			return badValue("There is no member " + quoted(name) + ". There are " + strings.Join(known, ", ") + ".")
		case string(value) == "null":
			return badValue(name + " is null. Leave it out.")
		}
	}
	if err := json.Unmarshal(b, into); err != nil {
		return badType(err)
	}
	return nil
}

// object reads a JSON object.
func object(b []byte) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil || !bytes.HasPrefix(bytes.TrimLeft(b, " \t\r\n"), []byte("{")) {
		return nil, signaling.NewProblem(http.StatusBadRequest, "malformed-json", "Send a JSON object; see openapi.yaml.")
	}
	return members, nil
}

// names returns the members of a struct that a pointer leads to.
func names(of any) []string {
	var all []string
	t := reflect.TypeOf(of).Elem()
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		all = append(all, name)
	}
	return all
}

// badType says which member has the wrong type.
func badType(err error) error {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field != "" {
		return badValue(wrong.Field + " is of the wrong type or too large; see openapi.yaml.")
	}
	return badValue("A member has a wrong value; times are written 2026-01-02T03:04:05Z.")
}

// quoted shows a stranger's word, shortened.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}

// between checks a number.
func between(name string, v *int, low, high int) error {
	if v != nil && (*v < low || *v > high) {
		return badValue(name + " is " + strconv.Itoa(low) + " to " + strconv.Itoa(high) + ".")
	}
	return nil
}

// streamOf checks a stream's name in a path.
func streamOf(name string) error {
	if !signaling.ValidStreamName(name) {
		return signaling.NewProblem(http.StatusNotFound, "no-such-stream",
			"A stream's name has 1 to 128 letters, digits, dots, underscores and dashes and begins with a letter or digit.")
	}
	return nil
}
