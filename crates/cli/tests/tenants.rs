//! Who may call what, and what nobody of another organisation ever sees: a walk over every method of
//! the contract.

#[path = "support/raw.rs"]
mod raw;
mod support;

use proto::{
    access::{METHODS, Method, Right},
    auth::Role,
};
use support::{Person, add_member, history, import, sign_up, train, world};
use testkit::{TestResult, World};
use tonic::Code;
use valutai::client::{datasets, predict, reports};

/// What an organisation has.
struct Company {
    owner: Person,
    dataset: String,
    model: String,
    prediction: String,
    report: String,
}

async fn company(world: &World, name: &str) -> TestResult<Company> {
    let owner = sign_up(world, name).await?;
    let dataset = import(&owner, &history(120, 3)?).await?.id;
    let model = train(&owner, &dataset).await?.id;
    let fields = [("price".to_owned(), "1000".to_owned())];
    let quote = predict::quote(&format!("{name}-quote"), fields);
    let prediction = predict::predict(&owner.connection, "", quote).await?.id;
    let report = reports::generate(&owner.connection, &model).await?.id;
    Ok(Company {
        owner,
        dataset,
        model,
        prediction,
        report,
    })
}

impl Company {
    /// The id that a field of a method's request would take.
    fn value(&self, method: &Method, field: &str) -> String {
        match (field, method.domain.as_str()) {
            ("dataset_id", _) | ("id", "ingestion") => self.dataset.clone(),
            ("model_id", _) | ("id", "training") => self.model.clone(),
            ("id", "prediction") => self.prediction.clone(),
            ("id", "reporting") => self.report.clone(),
            ("email", _) => "somebody@example.com".to_owned(),
            ("password", _) => "a long enough password".to_owned(),
            _ => "word".to_owned(),
        }
    }
}

/// Ending a session or an account's first step would spoil the walk for the methods after it.
fn spoils_the_walk(method: &Method) -> bool {
    ["SignOut", "SignIn", "SignUp"].contains(&method.name.as_str())
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_sees_anything_of_the_other_through_any_method() -> TestResult {
    let mut world = world().await?;
    let ours = company(&world, "ours").await?;
    let theirs = company(&world, "theirs").await?;
    let channel = world.channel().await?;
    let secrets = [
        &ours.dataset,
        &ours.model,
        &ours.prediction,
        &ours.report,
        "ours@example.com",
        "ours Ltd",
        "ours-quote",
    ];
    let mut walked = 0;
    for method in METHODS.values().filter(|m| m.right != Right::Internal) {
        if spoils_the_walk(method) {
            continue;
        }
        walked += 1;
        let body = raw::request(method, &|field| ours.value(method, field));
        // A stream of events stays open and silent: what has to be seen is its first message.
        let outcome = raw::call(&channel, method, Some(&theirs.owner.token), body).await?;
        match outcome {
            Ok(reply) => {
                let text = String::from_utf8_lossy(&reply);
                for secret in secrets {
                    assert!(
                        !text.contains(secret),
                        "{} answered {secret}",
                        method.path()
                    );
                }
            }
            Err(status) => {
                // Who has one model only has none to roll back to.
                let expected = [
                    Code::NotFound,
                    Code::InvalidArgument,
                    Code::AlreadyExists,
                    Code::FailedPrecondition,
                ];
                assert!(
                    expected.contains(&status.code()),
                    "{}: {status:?}",
                    method.path()
                );
                for secret in &secrets[4..] {
                    assert!(!status.message().contains(secret), "{}", method.path());
                }
            }
        }
    }
    assert!(walked > 15, "only {walked} methods were walked");
    let still = datasets::get(&ours.owner.connection, &ours.dataset).await?;
    assert_eq!(still.dataset.ok_or("the dataset is gone")?.row_count, 120);
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_may_what_the_contract_says_and_no_more() -> TestResult {
    let mut world = world().await?;
    let company = company(&world, "roles").await?;
    let viewer = add_member(&company.owner, "viewer", Role::Viewer).await?;
    let analyst = add_member(&company.owner, "analyst", Role::Analyst).await?;
    let channel = world.channel().await?;
    let callers = [
        (Role::Unspecified, None),
        (Role::Viewer, Some(viewer.token.as_str())),
        (Role::Analyst, Some(analyst.token.as_str())),
        (Role::Owner, Some(company.owner.token.as_str())),
    ];
    for method in METHODS.values() {
        for (role, token) in callers {
            let unknown = uuid::Uuid::now_v7().to_string();
            let body = raw::request(method, &|field| match field {
                "id" | "dataset_id" | "model_id" => unknown.clone(),
                other => company.value(method, other),
            });
            if method.right != Right::Public && token.is_some() && spoils_the_walk(method) {
                continue;
            }
            let outcome = raw::call(&channel, method, token, body).await?;
            let code = outcome.as_ref().err().map_or(Code::Ok, tonic::Status::code);
            let what = format!("{} as {role:?}: {outcome:?}", method.path());
            match (method.right, role) {
                (Right::Internal, _) => assert_eq!(code, Code::Unimplemented, "{what}"),
                (Right::Public, _) => assert_ne!(code, Code::PermissionDenied, "{what}"),
                (_, Role::Unspecified) => assert_eq!(code, Code::Unauthenticated, "{what}"),
                (Right::Analyst | Right::Owner, Role::Viewer) | (Right::Owner, Role::Analyst) => {
                    assert_eq!(code, Code::PermissionDenied, "{what}");
                }
                _ => assert!(
                    outcome
                        .as_ref()
                        .err()
                        .is_none_or(|status| !raw::is_about_rights(status)),
                    "{what}"
                ),
            }
        }
    }
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_refused_everywhere() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "leaver").await?;
    datasets::get(&owner.connection, "not-an-id")
        .await
        .err()
        .ok_or("an id of words was found")?;
    valutai::client::auth::sign_out(&owner.connection).await?;
    testkit::eventually("the gateway has heard of it", || async {
        let request = proto::auth::WhoAmIRequest {};
        let answer = owner.connection.auth().who_am_i(request).await;
        Ok(answer.is_err_and(|status| status.code() == Code::Unauthenticated))
    })
    .await?;
    world.stop().await;
    Ok(())
}
