//! What `bench cluster` found: how long nobody was answered after each kill, and what was lost. Deliberately beside a time
//! without a kill in the same run, because a machine that is short of processors is slow by itself.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    time::Instant,
};

use serde::Serialize;
use tonic::Code;

use super::span::Span;
use crate::bench::{
    figures::Machine,
    loss::LossRun,
    restarts::{
        Calls,
        load::{Attempt, Done, End},
    },
};

/// What a kill did to the callers.
#[derive(Debug, Clone, Serialize)]
pub struct Kill {
    /// What was killed; `nothing` for the time before the first kill.
    pub what: &'static str,
    /// What it led, of a nats-server.
    pub role: String,
    /// Until it was well again, in milliseconds, the time that it was left dead included.
    pub healthy_ms: f64,
    /// Longest time in which no call at all was answered, in milliseconds.
    pub silence_ms: f64,
    /// Longest time in which no call of one service was answered, in milliseconds: of the service that was killed; of
    /// whichever was silent longest where all of them depend on what was killed.
    pub service_silence_ms: f64,
    /// Longest time in which a subscriber heard of no prediction, in milliseconds.
    pub event_silence_ms: f64,
    /// Longest time until a call was answered, repetitions included, in milliseconds.
    pub slowest_ms: f64,
    /// Calls that were answered.
    pub answered: usize,
    /// Calls that were made again.
    pub repeated: usize,
    /// Calls that failed.
    pub failed: usize,
}

/// Kills of one kind.
#[derive(Debug, Serialize)]
pub struct Kind {
    /// What was killed.
    pub what: &'static str,
    /// Times.
    pub kills: usize,
    /// The longest of each.
    pub healthy_ms: f64,
    /// The longest of each.
    pub silence_ms: f64,
    /// The longest of each.
    pub service_silence_ms: f64,
    /// The longest of each.
    pub event_silence_ms: f64,
    /// The longest of each.
    pub slowest_ms: f64,
    /// Sum.
    pub repeated: usize,
    /// Sum.
    pub failed: usize,
}

/// What was left of events after the load.
#[derive(Debug, Serialize)]
pub struct Backlog {
    /// Consumers that do not come to the end of their stream.
    pub behind: Vec<String>,
    /// Events that a consumer acknowledged and whose service does not know them.
    pub acknowledged_and_not_handled: usize,
    /// Dead letters.
    pub dead_letters: u64,
}

impl Backlog {
    /// Whether nothing was left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.behind.is_empty() && self.acknowledged_and_not_handled == 0 && self.dead_letters == 0
    }
}

/// What `bench cluster` found.
#[derive(Debug, Serialize)]
pub struct ClusterFigures {
    /// Where.
    pub machine: Machine,
    /// Seconds under load.
    pub seconds: f64,
    /// Each kill, in the order of time; the first is none.
    pub kills: Vec<Kill>,
    /// The same by what was killed.
    pub kinds: Vec<Kind>,
    /// Calls by kind.
    pub calls: Vec<Calls>,
    /// Ends of attempts that were no answers, by code.
    pub errors: BTreeMap<String, usize>,
    /// Calls that failed.
    pub failed_calls: usize,
    /// Predictions, their rows and their events.
    pub predictions: LossRun,
    /// What was left of events.
    pub backlog: Backlog,
}

impl ClusterFigures {
    /// Puts together what callers saw and what was done when.
    #[must_use]
    pub fn new(
        machine: Machine,
        seconds: f64,
        spans: &[Span],
        done: Done,
        events: &[Instant],
        predictions: LossRun,
        backlog: Backlog,
    ) -> Self {
        let ends = spans.iter().skip(1).map(|span| span.begun);
        let ends = ends.chain(done.attempts.last().map(|last| last.ended));
        let kills: Vec<Kill> = spans
            .iter()
            .zip(ends)
            .map(|(span, end)| Kill::found(span, end, &done.attempts, events))
            .collect();
        let mut errors = BTreeMap::new();
        for attempt in &done.attempts {
            if let End::Repeated(code) | End::Failed(code) = attempt.end {
                *errors.entry(name(code)).or_default() += 1;
            }
        }
        Self {
            machine,
            seconds,
            kinds: kinds(&kills),
            kills,
            errors,
            failed_calls: done.calls.iter().map(|calls| calls.failed).sum(),
            calls: done.calls,
            predictions,
            backlog,
        }
    }

    /// Prints it for people.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.machine.write(out)?;
        writeln!(
            out,
            "\n{:<12} {:>6} {:>11} {:>11} {:>11} {:>11} {:>11} {:>9} {:>7}",
            "killed",
            "times",
            "healthy ms",
            "silence ms",
            "service ms",
            "events ms",
            "slowest ms",
            "repeated",
            "failed"
        )?;
        for kind in &self.kinds {
            writeln!(
                out,
                "{:<12} {:>6} {:>11.0} {:>11.0} {:>11.0} {:>11.0} {:>11.0} {:>9} {:>7}",
                kind.what,
                kind.kills,
                kind.healthy_ms,
                kind.silence_ms,
                kind.service_silence_ms,
                kind.event_silence_ms,
                kind.slowest_ms,
                kind.repeated,
                kind.failed
            )?;
        }
        for kill in self.kills.iter().filter(|kill| !kill.role.is_empty()) {
            writeln!(
                out,
                "  {} that {}: silence {:.0} ms, of one service {:.0} ms, of events {:.0} ms, {} repeated, {} failed",
                kill.what,
                kill.role,
                kill.silence_ms,
                kill.service_silence_ms,
                kill.event_silence_ms,
                kill.repeated,
                kill.failed
            )?;
        }
        let answered: usize = self.calls.iter().map(|calls| calls.answered).sum();
        writeln!(
            out,
            "\n{answered} calls answered in {:.0} s, {} failed; ends that were no answers: {:?}",
            self.seconds, self.failed_calls, self.errors
        )?;
        for calls in &self.calls {
            if let Some(reason) = &calls.first_failure {
                let (kind, failed) = (calls.kind, calls.failed);
                writeln!(out, "  {kind}: {failed} failed, the first with {reason}")?;
            }
        }
        let run = &self.predictions;
        writeln!(
            out,
            "predictions: {} acknowledged, {} rows, {} missing, {} extra; events: {}, {} missing, {} extra, {} repeated and dropped",
            run.acknowledged,
            run.ledger_rows,
            run.missing_rows,
            run.extra_rows,
            run.events,
            run.missing_events,
            run.extra_events,
            run.repeated_events
        )?;
        writeln!(
            out,
            "consumers behind: {:?}; acknowledged and not handled: {}; dead letters: {}",
            self.backlog.behind,
            self.backlog.acknowledged_and_not_handled,
            self.backlog.dead_letters
        )
    }
}

impl Kill {
    /// What callers saw in a time.
    fn found(span: &Span, end: Instant, attempts: &[Attempt], events: &[Instant]) -> Self {
        let within = || {
            attempts
                .iter()
                .filter(|attempt| attempt.ended >= span.begun && attempt.ended < end)
        };
        let count = |is: fn(End) -> bool| within().filter(|attempt| is(attempt.end)).count();
        let answers = |of: Option<&'static str>| {
            let of_service = move |kind| of.is_none_or(|service: &str| service == service_of(kind));
            within()
                .filter(move |attempt| attempt.end == End::Answered && of_service(attempt.kind))
                .map(|attempt| attempt.ended)
        };
        let silence = |of: Option<&'static str>| longest_silence(span.begun, end, answers(of));
        let service_silence_ms = match SERVICES.contains(&span.what) {
            true => silence(Some(span.what)),
            false => SERVICES
                .iter()
                .map(|service| silence(Some(service)))
                .fold(0.0, f64::max),
        };
        Self {
            what: span.what,
            role: span.role.clone(),
            healthy_ms: (span.healthy - span.begun).as_secs_f64() * 1000.0,
            silence_ms: silence(None),
            service_silence_ms,
            event_silence_ms: {
                let events = events.iter().copied();
                let events = events.filter(|at| *at >= span.begun && *at < end);
                longest_silence(span.begun, end, events)
            },
            slowest_ms: within()
                .filter(|attempt| attempt.end == End::Answered)
                .map(|attempt| attempt.took.as_secs_f64() * 1000.0)
                .fold(0.0, f64::max),
            answered: count(|end| end == End::Answered),
            repeated: count(|end| matches!(end, End::Repeated(_))),
            failed: count(|end| matches!(end, End::Failed(_))),
        }
    }
}

/// The services that answer calls of the load.
const SERVICES: [&str; 5] = ["auth", "ingestion", "training", "prediction", "reporting"];

/// Who answers a call of the load.
fn service_of(kind: &str) -> &'static str {
    match kind {
        "report" | "list of reports" => "reporting",
        "list of quotes" => "ingestion",
        "who am I" => "auth",
        "list of models" => "training",
        _ => "prediction",
    }
}

/// The longest time without an answer, in milliseconds.
fn longest_silence(begun: Instant, end: Instant, answers: impl Iterator<Item = Instant>) -> f64 {
    let mut before = begun;
    let mut longest = 0.0_f64;
    for answer in answers.chain([end]) {
        longest = longest.max(answer.duration_since(before).as_secs_f64() * 1000.0);
        before = answer;
    }
    longest
}

fn kinds(kills: &[Kill]) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    for kill in kills {
        let at = kinds.iter().position(|kind| kind.what == kill.what);
        let at = at.unwrap_or_else(|| {
            kinds.push(Kind {
                what: kill.what,
                kills: 0,
                healthy_ms: 0.0,
                silence_ms: 0.0,
                service_silence_ms: 0.0,
                event_silence_ms: 0.0,
                slowest_ms: 0.0,
                repeated: 0,
                failed: 0,
            });
            kinds.len() - 1
        });
        let kind = &mut kinds[at];
        kind.kills += 1;
        kind.healthy_ms = kind.healthy_ms.max(kill.healthy_ms);
        kind.silence_ms = kind.silence_ms.max(kill.silence_ms);
        kind.service_silence_ms = kind.service_silence_ms.max(kill.service_silence_ms);
        kind.event_silence_ms = kind.event_silence_ms.max(kill.event_silence_ms);
        kind.slowest_ms = kind.slowest_ms.max(kill.slowest_ms);
        kind.repeated += kill.repeated;
        kind.failed += kill.failed;
    }
    kinds
}

fn name(code: Code) -> String {
    format!("{code:?}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn silence_is_the_longest_gap_from_the_kill_on() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        let attempt = |ms, kind, end| Attempt {
            kind,
            ended: at(ms),
            end,
            took: Duration::from_millis(7),
        };
        let attempts = [
            attempt(100, "who am I", End::Answered),
            attempt(400, "prediction", End::Answered),
            attempt(500, "prediction", End::Repeated(Code::Unavailable)),
            attempt(600, "prediction", End::Failed(Code::Internal)),
            attempt(900, "who am I", End::Answered),
            // Of the next time.
            attempt(2000, "prediction", End::Answered),
        ];
        let span = Span::calm(begun).of("auth");
        let kill = Kill::found(&span, at(1000), &attempts, &[at(50), at(300)]);
        let close = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-6, "{kill:?}");
        close(kill.silence_ms, 500.0);
        close(kill.service_silence_ms, 800.0);
        close(kill.event_silence_ms, 700.0);
        close(kill.slowest_ms, 7.0);
        assert_eq!((kill.answered, kill.repeated, kill.failed), (3, 1, 1));
        // Of what all depend on, the service that was silent longest: nobody heard of training at all.
        let server = Span::calm(begun).of("nats-server");
        let server = Kill::found(&server, at(1000), &attempts, &[]);
        assert!((server.service_silence_ms - 1000.0).abs() < 1e-6);
    }
}
