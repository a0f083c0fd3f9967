//! A run as a trace that Perfetto and chrome://tracing open.

use serde::Serialize;
use serde_json::{Value, json};

use super::{Phase, Timeline};
use crate::exec::Profile;

/// Rows of the trace.
const HOST: u32 = 1;
const DEVICE: u32 = 2;
const DISPATCHES: u32 = 3;

/// A complete event of the Chrome trace event format.
#[derive(Serialize)]
struct Event<'a> {
    name: &'a str,
    cat: &'static str,
    ph: &'static str,
    /// Microseconds.
    ts: f64,
    dur: f64,
    pid: u32,
    tid: u32,
    #[serde(skip_serializing_if = "Value::is_null")]
    args: Value,
}

/// The spans of `timeline`, which are what the host did and when the device worked on submissions. After them come the
/// steps of `profiles`, one after the other: they were measured after the run.
///
/// # Errors
/// Serialization fails only if the program is wrong: every event can be written.
pub fn trace_to_json(timeline: &Timeline, profiles: &[&Profile]) -> serde_json::Result<String> {
    let spans = timeline.spans();
    let mut events = Vec::new();
    for (tid, name) in
        [(HOST, "host"), (DEVICE, "device: submissions as the host sees them"), (DISPATCHES, "profiled steps")]
    {
        events.push(serde_json::to_value(name_of_row(tid, name))?);
    }
    let micros = |time: std::time::Duration| time.as_nanos() as f64 / 1e3;
    for span in &spans {
        events.push(serde_json::to_value(Event {
            name: span.phase.name(),
            cat: "run",
            ph: "X",
            ts: micros(span.begin),
            dur: micros(span.end - span.begin),
            pid: 1,
            tid: if span.phase == Phase::Device { DEVICE } else { HOST },
            args: Value::Null,
        })?);
    }
    let mut ts = spans.iter().map(|span| micros(span.end)).fold(0.0, f64::max);
    for profile in profiles {
        events.push(serde_json::to_value(profiled(&profile.title, ts, profile.sum_microseconds, Value::Null))?);
        for step in &profile.steps {
            let args = json!({ "kind": step.kind, "gflops_per_second": step.gflops_per_second,
                "gigabytes_per_second": step.gigabytes_per_second, "roofline": step.roofline });
            events.push(serde_json::to_value(profiled(&step.name, ts, step.microseconds, args))?);
            ts += step.microseconds;
        }
    }
    serde_json::to_string(&json!({ "traceEvents": events, "displayTimeUnit": "ms" }))
}

fn name_of_row(tid: u32, name: &str) -> Value {
    json!({ "name": "thread_name", "ph": "M", "pid": 1, "tid": tid, "args": { "name": name } })
}

fn profiled(name: &str, ts: f64, dur: f64, args: Value) -> Event<'_> {
    Event { name, cat: "profile", ph: "X", ts, dur, pid: 1, tid: DISPATCHES, args }
}
