//! A trace across what is not a call.

use std::collections::HashMap;

use opentelemetry::propagation::TextMapPropagator as _;
use opentelemetry::trace::TraceContextExt as _;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

const TRACEPARENT: &str = "traceparent";
/// A context of version 00 has 55 characters; later versions may have more.
const MAX_LENGTH: usize = 128;

/// The place in a trace that work goes on from, as W3C Trace Context writes it in `traceparent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceContext(String);

impl TraceContext {
    /// Takes a `traceparent` somebody sent; none when it is no such thing.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        let context = Self(text.to_owned());
        context
            .extract()
            .span()
            .span_context()
            .is_valid()
            .then_some(context)
    }

    /// The place of `span`; none while no trace is recorded.
    pub fn of(span: &Span) -> Option<Self> {
        let mut fields = HashMap::new();
        TraceContextPropagator::new().inject_context(&span.context(), &mut fields);
        fields.remove(TRACEPARENT).map(Self)
    }

    /// Makes `span`, which was not entered yet, go on from the `traceparent` it came with, and notes the trace's id in its field `trace_id`
    /// for log lines. Does nothing while no trace is recorded.
    pub fn begin(span: &Span, traceparent: Option<&str>) {
        if let Some(context) = traceparent.and_then(Self::parse) {
            context.continue_in(span);
        }
        if let Some(context) = Self::of(span) {
            span.record("trace_id", context.trace_id());
        }
    }

    /// Makes `span`, which was not entered yet, go on from here. Does nothing while no trace is recorded.
    pub fn continue_in(&self, span: &Span) {
        // Fails where nothing records, which is fine, and for spans that began, which the caller rules out.
        let _ = span.set_parent(self.extract());
    }

    /// The id that all spans of the trace have, in hexadecimal.
    pub fn trace_id(&self) -> String {
        self.extract().span().span_context().trace_id().to_string()
    }

    /// The header's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn extract(&self) -> opentelemetry::Context {
        let fields = HashMap::from([(TRACEPARENT.to_owned(), self.0.clone())]);
        // Not the surrounding context: nothing but the text says where we are.
        TraceContextPropagator::new().extract_with_context(&opentelemetry::Context::new(), &fields)
    }
}

#[cfg(test)]
mod tests {
    use super::TraceContext;

    #[test]
    fn only_a_proper_context_is_taken() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let context = TraceContext::parse(text).unwrap();
        assert_eq!(context.as_str(), text);
        assert_eq!(context.trace_id(), "0af7651916cd43dd8448eb211c80319c");
        let endless = format!("{text}{}", "-0".repeat(100));
        for wrong in [
            "",
            "00",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
            &endless,
        ] {
            assert_eq!(TraceContext::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn without_a_collector_no_span_is_in_a_trace() {
        let span = tracing::info_span!("work");
        assert_eq!(TraceContext::of(&span), None);
    }
}
