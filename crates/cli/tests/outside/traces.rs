//! One trace from a call by gRPC through NATS to SQL and out again to who handles the event, in this system and outside of it:
//! every service a process of its own, which exports to a collector of the test's.

use std::{fs, process::Command};

use platform::{bus::Outgoing, config::Key};
use proto::{auth::WhoAmIRequest, prediction::PredictRequest};
use serde_json::Value;
use testkit::{TestResult, eventually};
use tonic::{Code, Request};
use uuid::Uuid;
use valutai::{
    bench::process::{Process, free_address},
    client::predict::quote,
    server::stack::SERVICES,
};

use crate::{
    client::Client,
    collector::{Collector, Seen, hex},
    support::{PASSWORD, Person, history, import, sign_up_at, train},
    walled::{STREAM, Walled, issue},
};

const PREDICT: &str = "valutai.prediction.v1.PredictionService/Predict";
const MADE: &str = "valutai.prediction.v1.PredictionMade";
/// Kinds and states by OTLP's `SpanKind` and `StatusCode`.
const SERVER: i32 = 2;
const CLIENT: i32 = 3;
const PRODUCER: i32 = 4;
const CONSUMER: i32 = 5;
const FAILED: i32 = 2;

/// All services as processes.
struct Running {
    walled: Walled,
    collector: Collector,
    owner: Person,
    _processes: Vec<Process>,
}

impl Running {
    async fn start() -> TestResult<Self> {
        let walled = Walled::new(&SERVICES).await?;
        let (collector, endpoint) = Collector::start().await?;
        let dir = &walled.dir;
        for file in [Process::key_file(dir), Process::audit_key_file(dir)] {
            fs::write(file, Key::generate().to_base64())?;
        }
        let gateway = free_address()?;
        let mut processes = Vec::new();
        for service in SERVICES {
            let program = env!("CARGO_BIN_EXE_valutai").as_ref();
            let launch = &walled.world.launch;
            let mut command = Process::command(program, launch, dir, service.name)?;
            command
                .env("VALUTAI_LISTEN", gateway.to_string())
                .env("VALUTAI_OTLP_ENDPOINT", &endpoint)
                .env(
                    "OTEL_RESOURCE_ATTRIBUTES",
                    format!("valutai.service={}", service.name),
                )
                // Milliseconds until spans leave.
                .env("OTEL_BSP_SCHEDULE_DELAY", "100");
            with_log(&mut command, &walled, service.name)?;
            let outside = launch.outside.as_ref().ok_or("nobody outside is let in")?;
            command
                .env("VALUTAI_NATS_CALLOUT_KEY", &walled.callout_key)
                .env("VALUTAI_NATS_PUBLIC_URL", &outside.url);
            processes.push(Process::start_ready(&mut command, service.name).await?);
        }
        let mail_dir = walled.world.mail_dir();
        let owner = sign_up_at(format!("http://{gateway}"), mail_dir, "ada").await?;
        Ok(Self {
            walled,
            collector,
            owner,
            _processes: processes,
        })
    }

    fn log(&self, service: &str) -> TestResult<String> {
        Ok(fs::read_to_string(
            self.walled.dir.join(format!("{service}.log")),
        )?)
    }

    /// Waits for a span.
    async fn until(&self, trace: &str, what: &str, is: impl Fn(&Seen) -> bool) -> TestResult {
        eventually(&format!("a span of {what}"), || {
            let has_come = self.collector.of(trace).iter().any(&is);
            async move { Ok(has_come) }
        })
        .await
        .map_err(|error| format!("{error}: {:#?}", names(&self.collector.of(trace))).into())
    }

    /// Predicts in a trace; answers the code of a refusal.
    async fn predict(&self, trace: &str, model: &str) -> TestResult<Code> {
        let fields = [("price", "1000"), ("customer", "Grace Hopper Ltd")];
        let fields = fields.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let mut request = Request::new(PredictRequest {
            model_id: model.to_owned(),
            quote: Some(quote("Q-4711", fields)),
            ..PredictRequest::default()
        });
        let header = format!("00-{trace}-{CALLER}-01").parse()?;
        request.metadata_mut().insert("traceparent", header);
        let answered = self.owner.connection.prediction().predict(request).await;
        Ok(answered.err().map_or(Code::Ok, |status| status.code()))
    }
}

/// The span of who calls.
const CALLER: &str = "00f067aa0ba902b7";

fn with_log(command: &mut Command, walled: &Walled, service: &str) -> TestResult {
    let log = fs::File::create(walled.dir.join(format!("{service}.log")))?;
    command
        .env("VALUTAI_LOG", "info")
        .env("VALUTAI_LOG_FORMAT", "json")
        .stderr(log);
    Ok(())
}

fn trace() -> String {
    Uuid::new_v4().simple().to_string()
}

fn names(spans: &[Seen]) -> Vec<String> {
    let name = |seen: &Seen| {
        let event = seen.field("event").unwrap_or_default();
        format!("{}: {} {event}", seen.service, seen.span.name)
    };
    spans.iter().map(name).collect()
}

/// The one span of a service and a name.
fn one<'s>(spans: &'s [Seen], service: &str, name: &str) -> TestResult<&'s Seen> {
    let found: Vec<&Seen> = spans
        .iter()
        .filter(|seen| seen.service == service && seen.span.name == name)
        .collect();
    match found.as_slice() {
        [seen] => Ok(seen),
        _ => Err(format!("{service} has not one {name}: {:#?}", names(spans)).into()),
    }
}

/// Asserts that a span is the child of another.
fn below(parent: &Seen, child: &Seen) {
    let (above, below) = (&parent.span, &child.span);
    assert_eq!(
        below.parent_span_id, above.span_id,
        "{child:?} of {parent:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_and_all_that_comes_of_it_is_one_trace() -> TestResult {
    let running = Running::start().await?;
    let dataset = import(&running.owner, &history(120, 3)?).await?.id;
    train(&running.owner, &dataset).await?;
    let outside = issue(&running.owner, None).await?;
    let trace = trace();
    assert_eq!(running.predict(&trace, "").await?, Code::Ok);

    for service in ["reporting", "auth"] {
        let is = |seen: &Seen| seen.service == service && seen.span.kind == CONSUMER;
        running.until(&trace, service, is).await?;
    }
    let published = |seen: &Seen| seen.field("event").as_deref() == Some(MADE);
    running
        .until(&trace, "the relay", |seen| {
            seen.span.kind == PRODUCER && published(seen)
        })
        .await?;
    let call_name = format!("/{PREDICT}");
    running
        .until(&trace, "the call", |seen| seen.span.name == call_name)
        .await?;
    // Processes tell by themselves, in any order, until nothing hangs in the air.
    eventually("every span comes with the one above it", || async {
        let spans = running.collector.of(&trace);
        let is_known =
            |id: &[u8]| hex(id) == CALLER || spans.iter().any(|at| at.span.span_id == id);
        Ok(spans.iter().all(|seen| is_known(&seen.span.parent_span_id)))
    })
    .await?;
    let spans = running.collector.of(&trace);

    let call = one(&spans, "gateway", &call_name)?;
    let answer = one(&spans, "prediction", PREDICT)?;
    let ledger = one(&spans, "prediction", "ledger")?;
    assert_eq!(hex(&call.span.parent_span_id), CALLER);
    below(call, answer);
    below(answer, ledger);
    for server in [call, answer] {
        assert_eq!((server.span.kind, server.status()), (SERVER, 0));
        assert_eq!(server.field("rpc.grpc.status_code").as_deref(), Some("0"));
    }
    let is_made = |seen: &&Seen| published(seen);
    for made in spans.iter().filter(is_made) {
        below(answer, made);
        assert!([PRODUCER, CONSUMER].contains(&made.span.kind), "{made:?}");
    }
    let counted = spans.iter().filter(is_made);
    let counted = counted.clone().find(|seen| seen.service == "reporting");
    let counted = counted.ok_or("reporting has not counted it")?;
    assert_eq!(
        counted.field("consumer").as_deref(),
        Some("reporting-prediction")
    );
    // What each of them did in Postgres.
    for (who, service) in [(ledger, "prediction"), (counted, "reporting")] {
        let sql = spans.iter().find(|seen| {
            seen.span.name == "db.transaction" && seen.span.parent_span_id == who.span.span_id
        });
        let sql = sql.ok_or("no transaction")?;
        assert_eq!((sql.span.kind, sql.service.as_str()), (CLIENT, service));
        assert_eq!(sql.field("db.namespace").as_deref(), Some(service));
    }

    assert_eq!(
        traceparent_outside(&outside.url, &outside.consumer)?,
        format!("00-{trace}-{}-01", hex(&answer.span.span_id))
    );
    faults_are_told_from_refusals(&running).await?;
    nothing_is_personal(&running)?;
    let Running {
        walled, _processes, ..
    } = running;
    drop(_processes);
    walled.stop().await
}

/// What a program of the tenant reads at the event.
fn traceparent_outside(url: &str, consumer: &str) -> TestResult<String> {
    let mut client = Client::connect(url)?;
    loop {
        let read = client.read(STREAM, consumer, 1)?;
        let message = read.first().ok_or("nothing came")?;
        assert_eq!(message.status(), None);
        if message.head.contains(&format!("ce-type: {MADE}")) {
            let line = message.head.lines();
            let mut values = line.filter_map(|line| line.strip_prefix("traceparent: "));
            return Ok(values.next().ok_or("no traceparent")?.trim().to_owned());
        }
    }
}

/// A refused call is no error of a span, an event that cannot be handled is one; both are in the log under their trace.
async fn faults_are_told_from_refusals(running: &Running) -> TestResult {
    let refused = trace();
    let nobody = Uuid::now_v7().to_string();
    assert_eq!(running.predict(&refused, &nobody).await?, Code::NotFound);
    let is_answer = |seen: &Seen| seen.span.name == PREDICT;
    running.until(&refused, "the refusal", is_answer).await?;
    let spans = running.collector.of(&refused);
    let answer = one(&spans, "prediction", PREDICT)?;
    assert_eq!(answer.status(), 0);
    assert_eq!(answer.field("rpc.grpc.status_code").as_deref(), Some("5"));
    assert!(is_logged(
        &running.log("prediction")?,
        "request refused",
        &refused
    )?);

    let mut auth = running.owner.connection.auth();
    let who = auth.who_am_i(WhoAmIRequest {}).await?.into_inner();
    let tenant = who.identity.ok_or("nobody")?.organization_id;
    let broken = trace();
    let mut message = Outgoing {
        subject: format!("valutai.{tenant}.prediction.v1.PredictionMade"),
        headers: Default::default(),
        body: vec![0xff; 3].into(),
    };
    let id = Uuid::now_v7().to_string();
    let header = format!("00-{broken}-{CALLER}-01");
    for (name, value) in [
        ("ce-id", id.as_str()),
        ("ce-type", MADE),
        ("content-type", "application/protobuf"),
        ("traceparent", &header),
    ] {
        message.headers.insert(name, value);
    }
    running.walled.world.bus().await?.publish(message).await?;
    let is_failed = |seen: &Seen| seen.service == "reporting" && seen.status() == FAILED;
    running.until(&broken, "the failure", is_failed).await?;
    eventually("the failure is logged under its trace", || async {
        is_logged(
            &running.log("reporting")?,
            "moved to the dead letters",
            &broken,
        )
    })
    .await
}

/// Whether a line of a log says something inside a trace.
fn is_logged(log: &str, what: &str, trace: &str) -> TestResult<bool> {
    for line in log.lines().filter(|line| line.contains(what)) {
        let line: Value = serde_json::from_str(line)?;
        let spans = line["spans"].as_array().into_iter().flatten();
        let mut traces = spans.chain([&line["fields"]]).map(|at| &at["trace_id"]);
        if traces.any(|id| id == trace) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Neither spans nor logs hold what is somebody's.
fn nothing_is_personal(running: &Running) -> TestResult {
    let mut said = format!("{:?}", running.collector.all());
    for service in SERVICES {
        said.push_str(&running.log(service.name)?);
    }
    assert!(said.contains("valutai.prediction.v1"), "something was said");
    for secret in [
        "example.com",
        "ada Ltd",
        "Grace",
        "Hopper",
        "Q-4711",
        PASSWORD.as_str(),
        running.owner.token.as_str(),
    ] {
        assert!(!said.contains(secret), "{secret} is told");
    }
    Ok(())
}
