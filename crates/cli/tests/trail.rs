//! The audit trail of the whole system: every operation leaves an entry, and the trail that was exported can
//! be verified without the system.

#[path = "support/raw.rs"]
mod raw;
mod support;

use std::{collections::BTreeSet, fs};

use proto::{
    access::{METHODS, Right},
    auth::{ListAuditEntriesRequest, Outcome, Role, VerifyAuditTrailRequest},
};
use support::{Person, add_member, history, import, sign_up, train, world};
use testkit::{TestResult, eventually};
use tonic::Code;
use valutai::client::{audit, predict};

async fn recorded(owner: &Person) -> TestResult<Vec<proto::auth::AuditEntry>> {
    let mut entries = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListAuditEntriesRequest {
            page_size: 200,
            page_token,
            ..ListAuditEntriesRequest::default()
        };
        let page = owner
            .connection
            .auth()
            .list_audit_entries(request)
            .await?
            .into_inner();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(entries);
        }
    }
}

/// Called with words for everything, so that most is refused; and whatever comes of it is in the trail.
#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_every_service_leaves_an_entry() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "owner").await?;
    let viewer = add_member(&owner, "viewer", Role::Viewer).await?;
    let channel = world.channel().await?;
    let mut expected = BTreeSet::new();
    for method in METHODS.values().filter(|method| method.is_unary()) {
        // What ends the session of the walk, what is in the trail of another organisation, and what
        // needs nobody signed in.
        let elsewhere = ["SignOut", "LeaveOrganization", "CreateOrganization"];
        if elsewhere.contains(&method.name.as_str())
            || matches!(
                method.right,
                Right::Internal | Right::Public | Right::Operator
            )
        {
            continue;
        }
        let callers = [
            (&owner, !method.only_looks()),
            (
                &viewer,
                matches!(method.right, Right::Owner | Right::Analyst),
            ),
        ];
        for (number, (caller, is_recorded)) in callers.into_iter().enumerate() {
            let id = format!("{}-{number}", method.name);
            let unknown = uuid::Uuid::now_v7().to_string();
            let body = raw::request(method, &|field| match field {
                "id" => unknown.clone(),
                field if field.ends_with("_id") => unknown.clone(),
                "email" => "somebody@example.com".to_owned(),
                _ => "word".to_owned(),
            });
            let outcome = raw::call_named(&channel, method, Some(&caller.token), &id, body).await?;
            let code = outcome.err().map_or(Code::Ok, |status| status.code());
            assert_ne!(code, Code::Unauthenticated, "{id}");
            if is_recorded {
                expected.insert((id, code == Code::Ok));
            }
        }
    }
    assert!(expected.len() > 70, "only {} operations", expected.len());
    let mut missing = expected.clone();
    let waited = eventually("every operation is in the trail", || async {
        let entries = recorded(&owner).await?;
        let found = entries
            .into_iter()
            .map(|entry| (entry.outcome() == Outcome::Done, entry.request_id));
        let found: BTreeSet<_> = found.map(|(done, id)| (id, done)).collect();
        Ok(expected.is_subset(&found))
    })
    .await;
    for entry in recorded(&owner).await? {
        missing.remove(&(entry.request_id.clone(), entry.outcome() == Outcome::Done));
    }
    assert!(
        missing.is_empty(),
        "without an entry: {missing:?}, {waited:?}"
    );
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exported_trail_is_verified_without_the_system() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "exporter").await?;
    let dataset = import(&owner, &history(60, 3)?).await?.id;
    train(&owner, &dataset).await?;
    let fields = [("price".to_owned(), "1000".to_owned())];
    predict::predict(&owner.connection, "", predict::quote("q", fields)).await?;
    let actions = [
        "auth.sign_up",
        "ingestion.finish_import",
        "training.model_ready",
        "prediction.predict",
    ];
    eventually("the trail is written", || async {
        let entries = recorded(&owner).await?;
        Ok(actions
            .iter()
            .all(|action| entries.iter().any(|entry| entry.action == *action)))
    })
    .await?;
    let request = VerifyAuditTrailRequest {};
    let online = owner
        .connection
        .auth()
        .verify_audit_trail(request)
        .await?
        .into_inner();
    assert_eq!(online.broken_at, 0, "{}", online.problem);

    let dir = std::env::temp_dir().join(format!("valutai-test-trail-{}", uuid::Uuid::now_v7()));
    fs::create_dir_all(&dir)?;
    let (file, key_file) = (dir.join("trail.ndjson"), dir.join("audit-key"));
    fs::write(&key_file, world.launch.audit_key.to_base64())?;
    audit::export(&owner.connection, &file).await?;
    let offline = audit::verify_file(&file, &key_file)?;
    assert!(offline.cast_signed() >= online.entries, "{offline}");
    let text = fs::read_to_string(&file)?;
    assert!(actions.iter().all(|action| text.contains(action)), "{text}");
    let lines: Vec<&str> = text.lines().collect();
    let swapped = [&lines[..1], &[lines[2], lines[1]], &lines[3..]].concat();
    let attacks = [
        (text.replacen("owner", "viewer", 1), "entry "),
        (swapped.join("\n"), "entry 2"),
        ([&lines[..2], &lines[3..]].concat().join("\n"), "entry 3"),
        (lines[..lines.len() - 1].join("\n"), "cut off"),
    ];
    for (content, named) in attacks {
        fs::write(&file, content)?;
        let found = audit::verify_file(&file, &key_file)
            .err()
            .ok_or(named)?
            .to_string();
        assert!(found.contains(named), "{found}");
    }
    eventually("the export is recorded", || async {
        let entries = recorded(&owner).await?;
        Ok(entries
            .iter()
            .any(|entry| entry.action == "auth.export_audit_trail"))
    })
    .await?;
    fs::remove_dir_all(dir)?;
    world.stop().await;
    Ok(())
}
