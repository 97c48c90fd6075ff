//! Who is mailed a report by a schedule may leave it, and gets nothing of what is under way either.

use chrono::TimeDelta;
use proto::auth::{Outcome, Role};
use serde_json::Value;
use sqlx::Executor as _;
use testkit::{TestResult, World, eventually};
use valutai::server::stack::SERVICES;

use super::{
    Time, audited,
    schedules::{ids, join, listed, refused, schedule},
    smtp::Smtp,
};
use crate::{
    run,
    support::{Person, sign_up},
};

/// The ids of who gets the mail of a schedule.
async fn recipients(person: &Person, id: &Value) -> TestResult<Vec<String>> {
    let all = listed(person, id).await?["recipient_ids"].clone();
    Ok(serde_json::from_value(all)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn who_gets_a_report_by_mail_may_leave_its_schedule() -> TestResult {
    let time = Time::default();
    let mut world = World::new(&SERVICES).await?;
    let smtp = Smtp::start(&mut world).await?;
    world.clock = time.clock();
    world.start().await?;
    let (ada, eve) = (sign_up(&world, "ada").await?, sign_up(&world, "eve").await?);
    let bob = join(&ada, &smtp, "bob", Role::Viewer).await?;
    let cleo = join(&ada, &smtp, "cleo", Role::Viewer).await?;
    let ((bob_id, _), (cleo_id, _)) = (ids(&bob).await?, ids(&cleo).await?);
    let daily = ["create", "--kind", "track", "--cron", "30 6 * * *"];
    let made = schedule(
        &ada,
        &[&daily[..], &["--to", &bob_id, "--to", &cleo_id]].concat(),
    )
    .await?;
    let id = made["id"].as_str().ok_or("no id")?;

    time.pass(TimeDelta::days(1));
    smtp.word("cleo", "Report: ", "vrl_").await?;
    smtp.word("bob", "Report: ", "vrl_").await?;
    let letter = smtp.mails("bob", "Report: ").remove(0).replace("=\n", "");
    assert!(
        letter.contains(&format!("valutai reports schedule leave {id}")),
        "{letter}"
    );

    // The next report is being generated, with both of them as recipients.
    let mut held = world.admin().await?;
    held.execute("BEGIN; LOCK TABLE reporting.report IN SHARE MODE")
        .await?;
    time.pass(TimeDelta::days(1));
    eventually("the second report is to be kept", || async {
        let mut admin = world.admin().await?;
        let waiting: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_locks WHERE relation = 'reporting.report'::regclass AND NOT granted",
        )
        .fetch_one(&mut admin)
        .await?;
        Ok(waiting == 1)
    })
    .await?;
    let left = run(&bob, &["reports", "schedule", "leave", id]).await?;
    assert!(left.contains("no more mail"), "{left}");
    drop(held);
    eventually("the second report was mailed", || async {
        Ok(smtp.mails("cleo", "Report: ").len() == 2)
    })
    .await?;
    assert_eq!(smtp.mails("bob", "Report: ").len(), 1, "bob has left");
    assert_eq!(recipients(&ada, &made["id"]).await?, [cleo_id]);

    // Who is no recipient learns nothing, wherever the schedule is.
    let again = refused(&bob, &["leave", id]).await?;
    assert!(again.contains("sends you mail"), "{again}");
    for nobody in [&ada, &eve] {
        assert_eq!(refused(nobody, &["leave", id]).await?, again);
    }
    run(&cleo, &["reports", "schedule", "leave", id]).await?;
    assert!(recipients(&ada, &made["id"]).await?.is_empty());
    let action = "reporting.leave_report_schedule";
    eventually("leaving is in the trail", || async {
        Ok(audited(&ada, action, Outcome::Done).await? == 2
            && audited(&ada, action, Outcome::Refused).await? == 2)
    })
    .await?;
    world.stop().await;
    Ok(())
}
