//! Every replica of every service is asked to stop in turn while people and programs work: no call fails that is made again as
//! gRPC allows, nothing is lost or doubled, and each ends by itself, phase by phase. `valutai bench restarts` shows the same for
//! as long as one likes.

use std::collections::BTreeMap;

use testkit::TestResult;
use valutai::{
    bench::restarts::{
        Run,
        fleet::{Fleet, Replaced},
        load::Load,
        run_once,
    },
    server::stack::{SERVICES, ServerArgs},
};

use crate::{TURN, program, support::TempFile};

const CALLERS: u32 = 8;
/// Calls that end between two replicas, so that each is replaced under load.
const CALLS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_stop_finishes_first() -> TestResult {
    let _turn = TURN.lock().await;
    let log = TempFile::new(b"")?;
    let report = |line: &str| eprintln!("{line}");
    let servers = ServerArgs::default();
    let mut fleet = Fleet::start_of(program(), Some(log.0.clone()), &servers, 1, report).await?;
    let run = run_once(&mut fleet, CALLERS, restart_each).await;
    fleet.stop().await?;
    let run = run?;
    eprintln!("{run:?}");
    all_is_well(&run);
    each_phase_is_told(&std::fs::read_to_string(&log.0)?);
    Ok(())
}

async fn restart_each(fleet: &mut Fleet, load: &Load) -> valutai::Result<Vec<Replaced>> {
    let mut replaced = Vec::new();
    for at in 0..fleet.services().len() {
        load.further(CALLS).await?;
        replaced.push(fleet.restart(at).await?);
    }
    load.further(CALLS).await?;
    Ok(replaced)
}

fn all_is_well(run: &Run) {
    assert_eq!(run.replaced.len(), 2 * SERVICES.len());
    for replaced in &run.replaced {
        assert_eq!(replaced.exit_code, 0, "{replaced:?}");
    }
    let failed: Vec<_> = run.calls.iter().filter(|calls| calls.failed > 0).collect();
    assert!(failed.is_empty(), "{failed:?}");
    let predictions = &run.predictions;
    assert!(predictions.acknowledged > run.replaced.len() * CALLS / 4);
    assert!(predictions.is_exact(), "{predictions:?}");
}

/// Each of the replicas that were replaced says how it ends, and none was cut off.
fn each_phase_is_told(log: &str) {
    assert!(!log.contains("cut off"), "{log}");
    let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
    for line in log.lines().filter(|line| line.contains("drained")) {
        let line: serde_json::Value = serde_json::from_str(line).expect(line);
        let field = |name: &str| line["fields"][name].as_str().map(str::to_owned);
        let phase = field("service").zip(field("phase"));
        *told
            .entry(phase.expect("a phase of a service"))
            .or_default() += 1;
    }
    for service in SERVICES {
        let phases: &[&str] = match service.migrations {
            Some(_) => &["work", "events", "nats", "postgres"],
            None => &["work", "nats"],
        };
        for phase in phases {
            // Twice: what is started again is killed at the end.
            let key = (service.name.to_owned(), (*phase).to_owned());
            assert_eq!(told.get(&key), Some(&2), "{key:?}: {log}");
        }
    }
}
