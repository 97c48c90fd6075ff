//! Expiring links: who opens them, until when, and what everybody else is told.

use chrono::TimeDelta;
use proto::auth::{Outcome, Role};
use serde_json::Value;
use testkit::{TestResult, World, eventually};
use valutai::server::stack::SERVICES;

use super::{Time, audited};
use crate::{
    generated, run,
    support::{Person, TempFile, add_member, sign_up},
};

/// Shares a report; the link's id and its token.
async fn shared(person: &Person, report: &str, time: &str) -> TestResult<(String, String)> {
    let args = ["-o", "json", "reports", "share", report, "--for", time];
    let reply: Value = serde_json::from_str(&run(person, &args).await?)?;
    let text = |name: &str| reply[name].as_str().map(str::to_owned).ok_or("missing");
    Ok((text("id")?, text("token")?))
}

/// What somebody is told who may not open a link.
async fn refusal(person: &Person, token: &str) -> TestResult<String> {
    let opened = run(person, &["reports", "open", token]).await;
    Ok(opened.err().ok_or("it was opened")?.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_opens_for_the_organisation_until_it_ends_and_tells_nobody_else_anything()
-> TestResult {
    let time = Time::default();
    let mut world = World::new(&SERVICES).await?;
    world.clock = time.clock();
    world.start().await?;
    let ada = sign_up(&world, "ada").await?;
    let bob = add_member(&ada, "bob", Role::Viewer).await?;
    let eve = sign_up(&world, "eve").await?;
    let (report, ..) = generated(&ada, &["--kind", "track"]).await?;
    let (link, token) = shared(&ada, &report, "2h").await?;
    assert_eq!(token.len(), "vrl_".len() + 43, "32 bytes in base64");

    // As it was sent, with the command around it.
    let line = format!("valutai reports open {token}");
    let page = TempFile::new(b"")?;
    let path = page.0.to_str().ok_or("no path")?;
    let opened = run(&bob, &["reports", "open", &line, "--html", path]).await?;
    assert!(opened.contains(&report), "{opened}");
    assert!(std::fs::read_to_string(&page.0)?.starts_with("<!doctype html>"));
    let args = ["reports", "open", &token, "--format", "pdf", "-f", path];
    run(&bob, &args).await?;
    assert!(std::fs::read(&page.0)?.starts_with(b"%PDF-"));

    // A viewer opens links and makes none.
    let refused = run(&bob, &["reports", "share", &report]).await;
    let refused = refused.err().ok_or("a viewer shared")?.to_string();
    assert!(refused.contains("analyst"), "{refused}");
    let refused = run(&ada, &["reports", "share", &report, "--for", "91d"]).await;
    let refused = refused.err().ok_or("it holds for ever")?.to_string();
    assert!(refused.contains("1 to 2160 hours"), "{refused}");

    // One answer for all that does not open.
    let foreign = refusal(&eve, &token).await?;
    assert!(
        foreign.contains("ask whoever sent it for a new one"),
        "{foreign}"
    );
    assert_eq!(
        refusal(&bob, "vrl_nobody-has-ever-made-this-one").await?,
        foreign
    );
    let (revoked, revoked_token) = shared(&ada, &report, "30d").await?;
    run(&bob, &["reports", "open", &revoked_token]).await?;
    run(&ada, &["reports", "links", "revoke", &revoked]).await?;
    assert_eq!(refusal(&bob, &revoked_token).await?, foreign);
    time.pass(TimeDelta::minutes(119));
    run(&bob, &["reports", "open", &token]).await?;
    time.pass(TimeDelta::minutes(2));
    assert_eq!(refusal(&bob, &token).await?, foreign);

    let args = [
        "-o", "json", "reports", "links", "list", "--report", &report,
    ];
    let listed: Value = serde_json::from_str(&run(&ada, &args).await?)?;
    let links = listed["links"].as_array().ok_or("no links")?;
    assert_eq!(links.len(), 2);
    assert_eq!(
        (&links[1]["id"], &links[1]["openings"]),
        (&link.into(), &3.into())
    );
    assert!(links[0]["revoked_at"].is_string(), "{listed}");
    assert!(run(&bob, &args).await.is_err(), "a viewer lists no links");

    // Every opening is in the trail, and every vain one in that of whoever tried.
    let action = "reporting.open_report_link";
    eventually("the openings are in the trail", || async {
        Ok(audited(&ada, action, Outcome::Done).await? == 4
            && audited(&ada, action, Outcome::Refused).await? == 3
            && audited(&eve, action, Outcome::Refused).await? == 1)
    })
    .await?;
    let mut admin = world.admin().await?;
    let kept: String =
        sqlx::query_scalar("SELECT string_agg(l::text, ' ') FROM reporting.report_link l")
            .fetch_one(&mut admin)
            .await?;
    assert!(!kept.contains(&token) && !kept.contains(&revoked_token));
    world.stop().await;
    Ok(())
}
