//! Forecast, price report and track record by the program itself: made of events and snapshots, in every format, by version, and
//! the same after the read models were made anew of the streams.

mod reports;
mod support;

use std::process::Command;

use proto::auth::Role;
use serde_json::Value;
use support::{Person, TempFile, add_member, history, import, sign_up, train, world};
use testkit::{Failure, TestResult, eventually};

/// Runs the program, and gives what it printed.
async fn run(person: &Person, args: &[&str]) -> TestResult<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_valutai"));
    command
        .args(args)
        .env("VALUTAI_ENDPOINT", &person.endpoint)
        .env("VALUTAI_TOKEN", &person.token);
    let output = tokio::task::spawn_blocking(move || command.output()).await??;
    if !output.status.success() {
        return Err(Failure::from(String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A history whose last rows are open.
fn with_open(rows: usize, open: usize) -> TestResult<String> {
    let text = String::from_utf8(history(rows, 1)?)?;
    let lines: Vec<String> = text
        .lines()
        .enumerate()
        .map(|(at, line)| match at + open > rows {
            true => line.replace(",won", ",open").replace(",lost", ",open"),
            false => line.to_owned(),
        })
        .collect();
    Ok(format!("{}\n", lines.join("\n")))
}

/// Generates a report; its id, its version and its figures without the time of their writing.
async fn generated(person: &Person, args: &[&str]) -> TestResult<(String, u64, Value)> {
    let args = [&["-o", "json", "reports", "generate"], args].concat();
    let reply: Value = serde_json::from_str(&run(person, &args).await?)?;
    let report = &reply["report"];
    let mut content: Value = serde_json::from_str(report["content_json"].as_str().ok_or("none")?)?;
    content["generated_at"].take();
    let id = report["id"].as_str().ok_or("no id")?.to_owned();
    Ok((id, report["version"].as_u64().ok_or("no version")?, content))
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_the_same_after_their_read_models_are_made_anew() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "ada").await?;
    let viewer = add_member(&owner, "bob", Role::Viewer).await?;
    let file = with_open(500, 60)?;
    let dataset = import(&owner, file.as_bytes()).await?;
    let model = train(&owner, &dataset.id).await?;
    let open = String::from_utf8(history(500, 1)?)?;
    let mut decided: Vec<&str> = open.lines().take(1).collect();
    decided.extend(open.lines().skip(441));
    let decided = TempFile::new(format!("{}\n", decided.join("\n")).as_bytes())?;
    let decided = decided.0.to_str().ok_or("no path")?;
    run(&owner, &["predict", decided]).await?;

    let pipeline = ["--kind", "pipeline", "--dataset", dataset.id.as_str()];
    let (first, version, content) = generated(&owner, &pipeline).await?;
    assert_eq!((version, content["quotes"].as_u64()), (1, Some(60)));
    assert_eq!(content["model_id"], model.id.as_str());
    let listed = content["largest"].as_array().ok_or("no quotes")?;
    let sum: f64 = listed
        .iter()
        .map(|quote| {
            quote["amount"].as_f64().unwrap_or(f64::NAN)
                * quote["probability"].as_f64().unwrap_or(f64::NAN)
        })
        .sum();
    let expected = content["total"]["expected"].as_f64().ok_or("no sum")?;
    assert!((sum - expected).abs() < 1e-6 * expected, "{sum} {expected}");

    // What was open is decided, and both the earlier forecast and the track record are judged by it.
    run(&owner, &["outcomes", "record", decided]).await?;
    let track = ["--kind", "track"];
    eventually("reporting heard of the outcomes", || async {
        let (_, _, content) = generated(&owner, &track).await?;
        let counted = content["predicted"][0]["predictions"].as_u64();
        Ok(content["all"]["quotes"] == 60 && counted == Some(60))
    })
    .await?;
    let price = ["--kind", "price", "--dataset", dataset.id.as_str()];
    let kinds = [
        &pipeline[..],
        &price[..],
        &track[..],
        &["--model", &model.id],
    ];
    let mut before = Vec::new();
    for kind in kinds {
        let report = generated(&owner, kind).await?;
        before.push(report);
    }
    let earlier = &before[0].2["earlier"][0];
    assert_eq!(before[0].1, 2, "the second of its kind");
    assert_eq!(earlier["report_id"], first.as_str());
    assert_eq!(earlier["decided"], 60);
    let wins = open
        .lines()
        .skip(441)
        .filter(|line| line.ends_with(",won"))
        .count();
    assert_eq!(earlier["wins"], wins);

    for (id, ..) in &before {
        every_format(&viewer, id).await?;
    }
    let refusal = run(&viewer, &["reports", "rebuild"]).await;
    let refusal = refusal.expect_err("a viewer may not").to_string();
    assert!(refusal.contains("owner"), "{refusal}");

    // Whatever was damaged comes back.
    let mut admin = world.admin().await?;
    for table in ["dataset", "model", "outcome", "predicted"] {
        let damage = format!("DELETE FROM reporting.{table}");
        sqlx::query(sqlx::AssertSqlSafe(damage))
            .execute(&mut admin)
            .await?;
    }
    let rebuilt: Value =
        serde_json::from_str(&run(&owner, &["-o", "json", "reports", "rebuild"]).await?)?;
    assert_eq!(rebuilt["after"]["outcomes"], 60, "{rebuilt}");
    assert_eq!(rebuilt["after"]["predictions"], 60, "{rebuilt}");
    for (kind, (_, _, before)) in kinds.into_iter().zip(&before) {
        // The forecast that came before this one had no open quote left, so that there is nothing to judge it by.
        let (_, _, after) = generated(&owner, kind).await?;
        assert_eq!(&after, before, "{kind:?}");
    }
    // Nothing is counted twice that comes again.
    let again: Value =
        serde_json::from_str(&run(&owner, &["-o", "json", "reports", "rebuild"]).await?)?;
    assert_eq!(again["before"], again["after"]);
    assert_eq!(again["after"], rebuilt["after"]);

    // What the streams keep no longer is not thrown away.
    let forgotten = "INSERT INTO reporting.outcome (tenant_id, quote_ref, version, won, decided_at)
        SELECT tenant_id, 'long ago', 1, true, now() FROM reporting.outcome LIMIT 1";
    sqlx::query(forgotten).execute(&mut admin).await?;
    let refusal = run(&owner, &["reports", "rebuild"]).await;
    let refusal = refusal.expect_err("it would lose one").to_string();
    assert!(refusal.contains("60 of 61 outcomes"), "{refusal}");
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM reporting.outcome")
        .fetch_one(&mut admin)
        .await?;
    assert_eq!(kept, 61);
    world.stop().await;
    Ok(())
}

/// A report in each format, as a viewer gets it.
async fn every_format(viewer: &Person, id: &str) -> TestResult {
    for (format, begins) in [
        ("json", "{"),
        ("html", "<!doctype html>"),
        ("csv", "\u{feff}"),
        ("xlsx", "PK"),
        ("pdf", "%PDF-"),
    ] {
        let file = TempFile::new(b"")?;
        let path = file.0.to_str().ok_or("no path")?;
        run(
            viewer,
            &["reports", "get", id, "--format", format, "-f", path],
        )
        .await?;
        let bytes = std::fs::read(&file.0)?;
        assert!(bytes.starts_with(begins.as_bytes()), "{format} of {id}");
        assert!(bytes.len() > 500, "{format} of {id}: {}", bytes.len());
    }
    Ok(())
}
