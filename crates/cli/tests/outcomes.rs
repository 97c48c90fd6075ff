//! From predictions to their track record by the program itself, over real gRPC: outcomes out of a file, out of a later import
//! of the same quotes, and one by one.

mod support;

use std::{collections::HashMap, process::Command};

use support::{Person, TempFile, history, import, sign_up, train, world};
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

/// The rows of a history under other names, so that they are quotes of their own.
fn renamed(history: &[u8]) -> TestResult<String> {
    let text = std::str::from_utf8(history)?;
    let (header, rows) = text.split_once('\n').ok_or("no header")?;
    let rows: Vec<String> = rows.lines().map(|row| format!("NEW-{row}")).collect();
    Ok(format!("{header}\n{}\n", rows.join("\n")))
}

#[tokio::test(flavor = "multi_thread")]
async fn outcomes_come_by_file_by_import_and_one_by_one() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "ada").await?;
    let dataset = import(&owner, &history(400, 1)?).await?;
    train(&owner, &dataset.id).await?;
    let decided = renamed(&history(200, 9)?)?;
    let file = TempFile::new(decided.as_bytes())?;
    let path = file.0.to_str().ok_or("no path")?;
    let names: Vec<&str> = decided
        .lines()
        .skip(1)
        .filter_map(|row| row.split(',').next())
        .collect();
    // The sample names its quotes once each.
    assert_eq!(
        names.iter().collect::<std::collections::HashSet<_>>().len(),
        200
    );

    let predicted = run(&owner, &["-o", "json", "predict", path]).await?;
    let mut said: HashMap<String, f64> = HashMap::new();
    for line in predicted.lines() {
        let answer: serde_json::Value = serde_json::from_str(line)?;
        let prediction = &answer["prediction"];
        let quote = prediction["quote_ref"].as_str().unwrap_or_default();
        let win = prediction["win_probability"].as_f64().unwrap_or_default();
        said.insert(quote.to_owned(), win);
    }
    assert_eq!(said.len(), 200);
    run(&owner, &["outcomes", "estimate", names[0], "60%"]).await?;

    // The first hundred by their file.
    let some: Vec<&str> = decided.lines().take(101).collect();
    let half = TempFile::new(format!("{}\n", some.join("\n")).as_bytes())?;
    let half_path = half.0.to_str().ok_or("no path")?;
    let record = ["outcomes", "record", half_path, "--final-fields"];
    let told = run(&owner, &record).await?;
    assert_eq!(
        told.trim(),
        "100 recorded, 0 corrected, 0 unchanged; 100 had been predicted"
    );
    let told = run(&owner, &record).await?;
    assert_eq!(
        told.trim(),
        "0 recorded, 0 corrected, 100 unchanged; 100 had been predicted"
    );

    // All of them by an import, which says of the first hundred what is known.
    import(&owner, decided.as_bytes()).await?;
    let track = [
        "-o",
        "json",
        "predictions",
        "track-record",
        "--by",
        "region",
    ];
    eventually("the import told the other outcomes", || async {
        let record: serde_json::Value = serde_json::from_str(&run(&owner, &track).await?)?;
        Ok(record["scores"]["quotes"] == 200)
    })
    .await?;
    let record: serde_json::Value = serde_json::from_str(&run(&owner, &track).await?)?;
    let won: Vec<bool> = decided
        .lines()
        .skip(1)
        .map(|row| row.ends_with(",won"))
        .collect();
    let squares = names.iter().zip(&won).map(|(name, won)| {
        let p = said.get(*name).copied().unwrap_or(f64::NAN);
        (p - f64::from(u8::from(*won))).powi(2)
    });
    let brier = squares.sum::<f64>() / 200.0;
    let told = record["scores"]["brier"]["value"]
        .as_f64()
        .unwrap_or(f64::NAN);
    assert!((told - brier).abs() < 1e-12, "{told} is not {brier}");
    let wins = won.iter().filter(|won| **won).count();
    assert_eq!(record["scores"]["won"], wins);

    let corrected = run(
        &owner,
        &[
            "outcomes",
            "record",
            "--quote",
            names[0],
            "--outcome",
            "withdrawn",
        ],
    )
    .await?;
    assert!(
        corrected.starts_with("0 recorded, 1 corrected"),
        "{corrected}"
    );
    let shown = run(&owner, &["outcomes", "show", names[0]]).await?;
    assert!(
        shown.contains("withdrawn") && shown.contains("60.0 %"),
        "{shown}"
    );
    let table = run(&owner, &["predictions", "track-record", "--by", "region"]).await?;
    assert!(table.contains("199, of which"), "{table}");
    let unknown = run(&owner, &["outcomes", "show", "nobody"]).await;
    let refusal = unknown.expect_err("nobody knows it").to_string();
    assert!(refusal.contains("no outcome was recorded"), "{refusal}");
    world.stop().await;
    Ok(())
}
