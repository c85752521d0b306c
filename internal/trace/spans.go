package trace

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// A step is a span below that of the set-up.
type step struct {
	name     string
	from, to time.Time // to is zero: it did not end
}

// steps lists a session's steps in order, up to the first that did not end. One that was
// not begun is none: a session that nobody publishes for, or without video, ends with
// what it has.
func (s *Session) steps() []step {
	all := []step{{"POST", s.Posted, s.Answered}, {"ICE", s.Answered, s.ICE}, {"DTLS", s.ICE, s.DTLS}}
	ready := s.DTLS
	if s.Kind == "whep" && s.Live.After(ready) {
		all = append(all, step{"publisher", ready, s.Live}) // the subscriber waited for one
		ready = s.Live
	}
	if !s.Packet.IsZero() {
		all = append(all, step{"first packet", ready, s.Packet})
	}
	if !s.Keyframe.IsZero() {
		all = append(all, step{"first keyframe", s.Packet, s.Keyframe})
	}
	for i := range all {
		if all[i].to.IsZero() {
			return all[:i+1]
		}
		if all[i].to.Before(all[i].from) {
			all[i].to = all[i].from
		}
	}
	return all
}

// record makes the spans of a session, and reports whether it is sampled.
func (t *Tracer) record(s *Session) bool {
	parent := propagation.TraceContext{}.Extract(context.Background(),
		propagation.MapCarrier{"traceparent": s.Parent, "tracestate": s.State})
	ctx, root := t.tracer.Start(parent, s.Kind+" set-up",
		trace.WithTimestamp(s.Posted), trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(s.attributes()...))
	if !root.IsRecording() {
		return false
	}
	steps := s.steps()
	for _, step := range steps {
		_, span := t.tracer.Start(ctx, step.name, trace.WithTimestamp(step.from))
		if step.to.IsZero() {
			step.to = s.Ended
			s.mark(span)
		}
		span.End(trace.WithTimestamp(step.to))
	}
	end := steps[len(steps)-1].to
	if end.IsZero() {
		end = s.Ended
		s.mark(root)
	}
	root.End(trace.WithTimestamp(end))
	return true
}

// mark gives a span the status of a session that ended before its set-up was over.
func (s *Session) mark(span trace.Span) {
	if s.Failed {
		span.SetStatus(codes.Error, s.Reason)
	}
}

func (s *Session) attributes() []attribute.KeyValue {
	all := []attribute.KeyValue{
		attribute.String("whippet.kind", s.Kind),
		attribute.String("whippet.session", s.ID),
		attribute.String("whippet.stream", s.Stream),
	}
	if s.Reason != "" {
		all = append(all, attribute.String("whippet.reason", s.Reason))
	}
	return all
}
