// Package trace sends traces of how sessions began to a receiver of OpenTelemetry's
// protocol over HTTP (OTLP): a span for the session's set-up, and one below it for each
// step, from the POST to the first keyframe. A POST that belongs to a trace (W3C Trace
// Context) is continued.
//
// A session is told once, when its set-up is over, as points of time: nothing is kept
// while it goes on. [Tracer.Session] only queues; what does not fit is dropped and
// counted. One goroutine makes spans and sends them.
//
// OTLP is spoken without gRPC, which the usual exporter over HTTP links too, and which
// would make the program a quarter larger.
package trace

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A Config says where traces go. Endpoint is required.
type Config struct {
	Endpoint string  // URL of the receiver, http://host:4318/v1/traces for one
	Share    float64 // of the sessions that belong to no trace, 0 to 1
	Node     string  // the node's name
	Version  string
	Log      *slog.Logger // nil: nothing is logged
}

// A Session is what is told of one: what its POST said, and when it passed each step. The
// zero Time: it did not.
type Session struct {
	Kind          string // "whip" or "whep"
	ID            string // its public id
	Stream        string
	Parent, State string // the POST's traceparent and tracestate

	Posted, Answered, ICE, DTLS, Live, Packet, Keyframe, Ended time.Time

	Reason string // why it ended
	Failed bool   // that is no wish of the client's
}

// A Tracer sends traces. A nil Tracer does nothing. Safe for concurrent use.
type Tracer struct {
	cfg      Config
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	exporter *otlptrace.Exporter
	spans    collector // owned by run
	queue    chan Session
	dropped  atomic.Uint64
	failing  bool // the last request failed; owned by run

	stop   context.CancelFunc // ends what is under way
	ctx    context.Context
	closed chan struct{}
	once   sync.Once
	done   sync.WaitGroup
}

// New starts a Tracer. Close it.
func New(cfg Config) *Tracer {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	t := &Tracer{cfg: cfg, queue: make(chan Session, maxQueued), closed: make(chan struct{})}
	t.ctx, t.stop = context.WithCancel(context.Background())
	t.exporter = otlptrace.NewUnstarted(newSender(cfg.Endpoint))
	t.provider = sdk.NewTracerProvider(
		sdk.WithSampler(sdk.ParentBased(sdk.TraceIDRatioBased(cfg.Share))),
		sdk.WithSpanProcessor(&t.spans),
		sdk.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "whippet"),
			attribute.String("service.version", cfg.Version),
			attribute.String("service.instance.id", cfg.Node),
		)),
	)
	t.tracer = t.provider.Tracer("github.com/whippet-media/whippet")
	t.done.Go(t.run)
	return t
}

// Session tells of a session whose set-up is over. It does not block: at the bound of the
// queue the session is dropped and counted.
func (t *Tracer) Session(s Session) {
	if t == nil {
		return
	}
	select {
	case t.queue <- s:
	default:
		t.dropped.Add(1)
	}
}

// Dropped returns how many sessions' traces were not delivered.
func (t *Tracer) Dropped() uint64 {
	if t == nil {
		return 0
	}
	return t.dropped.Load()
}

// Close sends what waits, for a bounded time, and ends the Tracer's goroutine. Sessions
// told later are lost. Closing twice is harmless.
func (t *Tracer) Close() {
	if t == nil {
		return
	}
	t.once.Do(func() {
		late := time.AfterFunc(flushTimeout, t.stop)
		defer late.Stop()
		close(t.closed)
		t.done.Wait()
		t.stop()
	})
}

// run sends batches until Close, and then what is left.
func (t *Tracer) run() {
	for {
		select {
		case s := <-t.queue:
			t.send(t.batch(s))
		case <-t.closed:
			for len(t.queue) > 0 {
				t.send(t.batch(<-t.queue))
			}
			return
		}
	}
}

// batch waits a little for more sessions that go with the first.
func (t *Tracer) batch(first Session) []Session {
	all := []Session{first}
	enough := time.NewTimer(batchWait)
	defer enough.Stop()
	for len(all) < maxBatch {
		select {
		case s := <-t.queue:
			all = append(all, s)
			continue
		default:
		}
		select {
		case s := <-t.queue:
			all = append(all, s)
		case <-enough.C:
			return all
		case <-t.closed:
			return all
		}
	}
	return all
}

// send delivers the sessions that are sampled, or counts them as dropped.
func (t *Tracer) send(all []Session) {
	sampled := 0
	for i := range all {
		if t.record(&all[i]) {
			sampled++
		}
	}
	spans := t.spans.take()
	if len(spans) == 0 {
		return
	}
	err := t.exporter.ExportSpans(t.ctx, spans)
	if err != nil {
		t.dropped.Add(uint64(sampled)) //nolint:gosec // not negative
	}
	if failing := err != nil; failing != t.failing {
		t.failing = failing
		if failing {
			t.cfg.Log.Warn("traces are not delivered", "sessions", sampled, "error", err)
		} else {
			t.cfg.Log.Info("traces are delivered again")
		}
	}
}

// A collector keeps spans that ended until they are taken. It is used by one goroutine.
type collector struct{ spans []sdk.ReadOnlySpan }

func (c *collector) take() []sdk.ReadOnlySpan {
	spans := c.spans
	c.spans = nil
	return spans
}

// OnStart does nothing.
func (c *collector) OnStart(context.Context, sdk.ReadWriteSpan) {}

// OnEnd keeps a span.
func (c *collector) OnEnd(s sdk.ReadOnlySpan) { c.spans = append(c.spans, s) }

// Shutdown does nothing.
func (c *collector) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (c *collector) ForceFlush(context.Context) error { return nil }
