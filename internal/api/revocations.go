package api

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/whippet-media/whippet/auth"
	"github.com/whippet-media/whippet/internal/api/wire"
	"github.com/whippet-media/whippet/internal/signaling"
)

// ListRevocations answers GET of those in force.
func (h *Handler) ListRevocations(c echo.Context, params wire.ListRevocationsParams) error {
	p, err := pageOf(params.Limit, params.After)
	if err != nil {
		return err
	}
	all := map[string]auth.Revocation{}
	var ids []string
	for _, r := range h.cfg.Service.Revocations() {
		id := revocationID(r)
		all[id] = r
		ids = append(ids, id)
	}
	out := wire.RevocationPage{Items: []wire.Revocation{}}
	ids, out.Next = p.cut(ids)
	for _, id := range ids {
		out.Items = append(out.Items, revocation(all[id]))
	}
	return answer(c, http.StatusOK, out)
}

// GetRevocation answers GET of one.
func (h *Handler) GetRevocation(c echo.Context, id wire.ID) error {
	r, err := h.revocation(id)
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, revocation(r))
}

// Unrevoke answers DELETE of one.
func (h *Handler) Unrevoke(c echo.Context, id wire.ID) error {
	r, err := h.revocation(id)
	if err != nil {
		return err
	}
	h.cfg.Service.Unrevoke(r)
	return c.NoContent(http.StatusNoContent)
}

func (h *Handler) revocation(id string) (auth.Revocation, error) {
	for _, r := range h.cfg.Service.Revocations() {
		if revocationID(r) == id {
			return r, nil
		}
	}
	return auth.Revocation{}, signaling.NewProblem(http.StatusNotFound, "no-such-revocation", "It is over, was taken back, or never was.")
}

// Revoke answers POST of one.
func (h *Handler) Revoke(c echo.Context) error {
	var q wire.RevocationRequest
	if err := h.read(c, &q, typeJSON); err != nil {
		return err
	}
	r, err := revocationOf(&q)
	if err != nil {
		return err
	}
	ended, err := h.cfg.Service.Revoke(r)
	if errors.Is(err, signaling.ErrTooManyRevocations) {
		return signaling.NewProblem(http.StatusServiceUnavailable, "too-many-revocations",
			"As many revocations are in force as may be. Take some back, or change the keys.").RetryAfter(settingsRetry)
	}
	if err != nil {
		return badValue(sentence(err))
	}
	id := revocationID(r)
	if r, err = h.revocation(id); err != nil {
		return err
	}
	out := revocation(r)
	out.Sessions = &ended
	c.Response().Header().Set("Location", Prefix+"revocations/"+id)
	return answer(c, http.StatusCreated, out)
}

func revocationOf(q *wire.RevocationRequest) (auth.Revocation, error) {
	var r auth.Revocation
	for _, text := range []struct {
		name  string
		value *string
		to    *string
	}{{"tokenId", q.TokenID, &r.ID}, {"subject", q.Subject, &r.Subject}, {"issuer", q.Issuer, &r.Issuer}, {"stream", q.Stream, &r.Stream}} {
		if text.value == nil {
			continue
		}
		if *text.value == "" {
			return r, badValue(text.name + " is empty. Leave it out.")
		}
		*text.to = *text.value
	}
	if q.Stream != nil && !signaling.ValidStreamName(r.Stream) {
		return r, badValue("stream is no name of a stream.")
	}
	if q.Before != nil {
		r.Before = *q.Before
	}
	if q.Until != nil {
		r.Until = *q.Until
		if !r.Until.After(time.Now()) {
			return r, badValue("until is over.")
		}
	}
	return r, nil
}

// revocationID names a revocation by what it is about.
func revocationID(r auth.Revocation) string {
	sum := sha256.Sum256([]byte(strings.Join([]string{r.Issuer, r.ID, r.Subject, r.Stream}, "\x00")))
	return base64.RawURLEncoding.EncodeToString(sum[:12])
}

func revocation(r auth.Revocation) wire.Revocation {
	return wire.Revocation{
		ID: revocationID(r), TokenID: known(r.ID), Subject: known(r.Subject), Issuer: known(r.Issuer), Stream: known(r.Stream),
		Before: when(r.Before), Until: stamp(r.Until),
	}
}

// sentence makes a sentence of an error's text.
func sentence(err error) string {
	s := err.Error()
	return strings.ToUpper(s[:1]) + s[1:] + "."
}
