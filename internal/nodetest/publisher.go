package nodetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/whippet-media/whippet/internal/client"
)

// A Publisher is a WHIP client on a host of the network.
type Publisher struct {
	*client.Publisher
	Host *Host
}

// connectTime is how long a client may take to connect.
const connectTime = 10 * time.Second

// Publish publishes from a host of its own, without faults.
func (w *World) Publish(stream string, change ...func(*client.PublishOptions)) *Publisher {
	w.t.Helper()
	return w.Host(Link{}).Publish(stream, change...)
}

// Publish publishes Video and Sound, changed, and wants to be connected. The publisher
// leaves with the test.
func (h *Host) Publish(stream string, change ...func(*client.PublishOptions)) *Publisher {
	h.world.t.Helper()
	p, err := h.TryPublish(stream, change...)
	if err != nil {
		h.world.t.Fatal(err)
	}
	h.world.connect(p)
	return p
}

// TryPublish begins to publish. The result may connect later, or never.
func (h *Host) TryPublish(stream string, change ...func(*client.PublishOptions)) (*Publisher, error) {
	t := h.world.t
	t.Helper()
	o := client.PublishOptions{
		Options: h.options("/whip/" + stream),
		Video:   []client.Encoding{{Source: Video(t, client.SyntheticOptions{})}},
		Audio:   Sound(),
	}
	for _, f := range change {
		f(&o)
	}
	p, err := client.Publish(t.Context(), o)
	if err != nil {
		return nil, err
	}
	leave(t, p)
	return &Publisher{p, h}, nil
}

func (h *Host) options(path string) client.Options {
	return client.Options{URL: base + path, HTTP: h.world.Client(), Net: h}
}

// Leave ends the session with a DELETE and wants that to succeed.
func (p *Publisher) Leave() { p.Host.world.leave(p) }

func (w *World) leave(s interface{ Close(context.Context) error }) {
	w.t.Helper()
	if err := s.Close(w.t.Context()); err != nil {
		w.t.Error(err)
	}
}

func (w *World) connect(s interface{ WaitConnected(context.Context) error }) {
	w.t.Helper()
	ctx, cancel := context.WithTimeoutCause(w.t.Context(), connectTime, errors.New("it took too long"))
	defer cancel()
	if err := s.WaitConnected(ctx); err != nil {
		w.t.Fatal(err)
	}
}

// leave ends a client with the test. The node may not know it any more by then.
func leave(t testing.TB, s interface{ Close(context.Context) error }) {
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), connectTime)
		defer cancel()
		_ = s.Close(ctx)
	})
}
