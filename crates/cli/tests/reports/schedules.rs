//! Reports at the times of a cron expression, generated once by two replicas, and mailed to who may have them, over SMTP.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use platform::tail::kept;
use prost::Name as _;
use proto::{
    auth::{AcceptInvitationRequest, InviteMemberRequest, Outcome, Role, WhoAmIRequest},
    reporting::ReportScheduleFailed,
};
use serde_json::Value;
use testkit::{TestResult, World, eventually};
use valutai::{client::Connection, server::stack::SERVICES};

use super::{Time, audited, smtp::Smtp};
use crate::{
    run,
    support::{PASSWORD, Person, history, import, sign_up},
};

const TIMEOUT: std::time::Duration = std::time::Duration::from_secs(60);

/// The ids of somebody and of the organisation.
pub async fn ids(person: &Person) -> TestResult<(String, String)> {
    let reply = person.connection.auth().who_am_i(WhoAmIRequest {}).await?;
    let identity = reply.into_inner().identity.ok_or("nobody")?;
    Ok((identity.user_id, identity.organization_id))
}

/// Somebody who confirmed the address that the invitation went to.
pub async fn join(owner: &Person, smtp: &Smtp, name: &str, role: Role) -> TestResult<Person> {
    let request = InviteMemberRequest {
        email: format!("{name}@example.com"),
        role: role.into(),
    };
    owner.connection.auth().invite_member(request).await?;
    let request = AcceptInvitationRequest {
        token: smtp.word(name, "Join", "vam_").await?,
        password: PASSWORD.clone(),
        totp_code: String::new(),
    };
    let anonymous = Connection::connect(&owner.endpoint, None, TIMEOUT).await?;
    let reply = anonymous.auth().accept_invitation(request).await?;
    let token = reply.into_inner().token;
    Ok(Person {
        connection: anonymous.with_token(&token)?,
        token,
        ..owner.clone()
    })
}

/// What a command of schedules answers.
pub async fn schedule(person: &Person, args: &[&str]) -> TestResult<Value> {
    let args = [&["-o", "json", "reports", "schedule"], args].concat();
    Ok(serde_json::from_str(&run(person, &args).await?)?)
}

/// The sentence that a command of schedules is refused with.
pub async fn refused(person: &Person, args: &[&str]) -> TestResult<String> {
    let said = schedule(person, args).await;
    Ok(said.err().ok_or("it was done")?.to_string())
}

/// A schedule as it is listed.
pub async fn listed(person: &Person, id: &Value) -> TestResult<Value> {
    let all = schedule(person, &["list"]).await?;
    let mut all = all["schedules"].as_array().into_iter().flatten();
    let found = all.find(|schedule| schedule["id"] == *id);
    Ok(found.ok_or("it is not listed")?.clone())
}

/// How many track records there are.
async fn reports(person: &Person) -> TestResult<usize> {
    let args = ["-o", "json", "reports", "list", "--kind", "track"];
    let reply: Value = serde_json::from_str(&run(person, &args).await?)?;
    Ok(reply["reports"].as_array().map_or(0, Vec::len))
}

fn moment(schedule: &Value, field: &str) -> TestResult<DateTime<Utc>> {
    Ok(schedule[field].as_str().ok_or("no time")?.parse()?)
}

/// The file of a type in a mail.
fn attached(mail: &str, kind: &str) -> TestResult<Vec<u8>> {
    let mut parts = mail.split("\n--");
    let part =
        parts.find(|part| part.contains(kind) && part.contains("Content-Disposition: attachment"));
    let (_, body) = part
        .and_then(|part| part.split_once("\n\n"))
        .ok_or("no file")?;
    let letters: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    Ok(BASE64_STANDARD.decode(letters)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheduled_report_is_generated_once_and_mailed_to_members() -> TestResult {
    let time = Time::default();
    let mut world = World::new(&SERVICES).await?;
    let smtp = Smtp::start(&mut world).await?;
    world.clock = time.clock();
    world.start().await?;
    let replica = world
        .launch
        .start(&[reporting::SERVICE], &world.clock)
        .await?;
    let ada = sign_up(&world, "ada").await?;
    let eve = sign_up(&world, "eve").await?;
    let bob = join(&ada, &smtp, "bob", Role::Viewer).await?;
    let ((ada_id, _), (bob_id, tenant), (eve_id, _)) =
        (ids(&ada).await?, ids(&bob).await?, ids(&eve).await?);
    let daily = ["create", "--kind", "track", "--cron", "30 6 * * *"];
    let create = |more: &[&'static str]| [&daily, more].concat();

    // Who cannot be written to is no recipient, and is told by id.
    let said = refused(&ada, &create(&["--to", "me"])).await?;
    assert!(
        said.contains(&format!("address of {ada_id} is not confirmed")),
        "{said}"
    );
    let token = smtp.word("ada", "Confirm your e-mail", "vam_").await?;
    run(&ada, &["auth", "verify", &token]).await?;
    let said = refused(&ada, &[&daily[..], &["--to", &eve_id]].concat()).await?;
    assert!(said.contains(&format!("{eve_id} is no member")), "{said}");
    let said = refused(&bob, &create(&[])).await?;
    assert!(said.contains("analyst"), "{said}");
    let said = refused(&ada, &["create", "--kind", "track", "--cron", "* * * * *"]).await?;
    assert!(said.contains("once an hour"), "{said}");

    let args = [
        &daily[..],
        &["--zone", "Europe/Berlin", "--to", "me", "--to", &bob_id],
        &["--attach", "pdf", "--attach", "xlsx"],
    ];
    let made = schedule(&ada, &args.concat()).await?;
    let id = &made["id"];
    let first = moment(&made, "next_at")?;
    let utc = first.format("%H:%M").to_string();
    assert!(
        ["04:30", "05:30"].contains(&utc.as_str()),
        "06:30 in Berlin is not {utc}"
    );
    assert_eq!(reports(&ada).await?, 0);

    // Four times pass while nobody looks, and are one report.
    time.pass(TimeDelta::days(4));
    let link = smtp.word("bob", "Report: ", "vrl_").await?;
    smtp.word("ada", "Report: ", "vrl_").await?;
    assert_eq!(reports(&ada).await?, 1);
    let after = listed(&ada, id).await?;
    assert_eq!(
        (&after["problem"], &after["mail_note"]),
        (&"".into(), &"".into())
    );
    let next = moment(&after, "next_at")?;
    assert!(
        next > time.clock().now() && next - first >= TimeDelta::days(4) - TimeDelta::hours(1),
        "{after}"
    );
    let mail = smtp.mails("bob", "Report: ").remove(0);
    assert!(attached(&mail, "application/pdf")?.starts_with(b"%PDF-"));
    assert!(attached(&mail, "application/vnd.openxmlformats")?.starts_with(b"PK"));
    let opened = run(&bob, &["reports", "open", &link]).await?;
    let report = after["last_report_id"].as_str().ok_or("no report")?;
    assert!(opened.contains(report), "{opened}");
    assert!(run(&eve, &["reports", "open", &link]).await.is_err());

    // Who has left gets none, and the schedule says so.
    run(&ada, &["team", "remove", &bob_id]).await?;
    time.pass(TimeDelta::days(1));
    eventually("the second report came", || async {
        let now = listed(&ada, id).await?;
        Ok(smtp.mails("ada", "Report: ").len() == 2 && now["mail_note"] != "")
    })
    .await?;
    let after = listed(&ada, id).await?;
    let note = after["mail_note"].as_str().unwrap_or_default();
    assert_eq!(
        note,
        format!("No mail: {bob_id} is no member of the organisation.")
    );
    assert_eq!(smtp.mails("bob", "Report: ").len(), 1);
    assert_eq!(reports(&ada).await?, 2);

    // What rests does nothing, and goes on with what is to come.
    schedule(&ada, &["pause", id.as_str().unwrap_or_default()]).await?;
    let dataset = import(&ada, &history(60, 3)?).await?;
    let other = ["create", "--dataset", &dataset.id, "--cron", "15 3 * * *"];
    let failing = schedule(&ada, &other).await?["id"].clone();
    run(&ada, &["datasets", "delete", &dataset.id, "--yes"]).await?;
    let mut admin = world.admin().await?;
    eventually("reporting heard that the dataset is gone", || async {
        let mut admin = world.admin().await?;
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM reporting.dataset")
            .fetch_one(&mut admin)
            .await?;
        Ok(left == 0)
    })
    .await?;
    time.pass(TimeDelta::days(1));
    eventually("the failure is told", || async {
        Ok(listed(&ada, &failing).await?["problem"] != "")
    })
    .await?;
    let after = listed(&ada, &failing).await?;
    let problem = after["problem"].as_str().unwrap_or_default();
    assert!(
        problem.contains(&format!("dataset {} is gone", dataset.id)),
        "{problem}"
    );
    assert!(moment(&after, "next_at")? > time.clock().now(), "{after}");
    eventually("the failure is an event and in the trail", || async {
        let names = [ReportScheduleFailed::full_name()];
        let told = kept(&world.bus().await?, tenant.parse()?, &names).await?;
        let refused = audited(&ada, "reporting.run_report_schedule", Outcome::Refused).await?;
        Ok(told == 1 && refused == 1)
    })
    .await?;
    assert_eq!(reports(&ada).await?, 2, "what rests was not run");
    let resumed = schedule(&ada, &["resume", id.as_str().unwrap_or_default()]).await?;
    assert!(moment(&resumed, "next_at")? > time.clock().now());
    run(
        &ada,
        &[
            "reports",
            "schedule",
            "delete",
            failing.as_str().unwrap_or_default(),
        ],
    )
    .await?;
    assert_eq!(
        schedule(&ada, &["list"]).await?["schedules"]
            .as_array()
            .map(Vec::len),
        Some(1)
    );

    // Reporting knows people by their ids, and links by their hashes.
    for table in [
        "report_schedule",
        "report_delivery",
        "report_link",
        "report",
    ] {
        let all = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM reporting.{table} t");
        let text: String = sqlx::query_scalar(sqlx::AssertSqlSafe(all))
            .fetch_one(&mut admin)
            .await?;
        assert!(
            !text.is_empty() && !text.contains("@example.com") && !text.contains(&link),
            "{table}"
        );
    }
    replica.stop().await;
    world.stop().await;
    Ok(())
}
