//! Everything is killed with signal 9 while predictions are asked for, and nothing is lost or doubled: a
//! small run of `valutai bench loss`.

use testkit::TestResult;
use valutai::{
    bench::loss::{Plan, rig::Rig, run_once},
    server::stack::ServerArgs,
};

use crate::{TURN, program};

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_is_there_once_whatever_is_killed() -> TestResult {
    let _turn = TURN.lock().await;
    let mut rig = Rig::start(&ServerArgs::default(), program(), |line| {
        eprintln!("{line}")
    })
    .await?;
    let plan = Plan {
        run: 1,
        predictions: 300,
        callers: 8,
        kill_within_ms: 600,
        most_kills: 6,
        seed: 7,
    };
    let run = run_once(&mut rig, plan).await;
    rig.stop().await?;
    let run = run?;
    let kills = run.kills;
    let each = [kills.prediction, kills.gateway, kills.nats, kills.postgres];
    assert!(each.iter().all(|count| *count > 0), "{kills:?}");
    assert_eq!(run.acknowledged, 300);
    assert!(run.is_exact(), "{run:?}");
    Ok(())
}
