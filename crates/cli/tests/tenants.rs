//! Who may call what, and what nobody of another organisation ever sees: a walk over every method of
//! the contract.

#[path = "support/raw.rs"]
mod raw;
mod support;

use platform::rpc::NatsTransport;
use proto::{
    access::{METHODS, Method, Right},
    auth::{
        ConfirmOrganizationDeletionRequest, RemoveMemberRequest,
        RequestOrganizationDeletionRequest, Role, WhoAmIRequest,
    },
    rpc::{Caller, Context, Transport as _},
};
use support::{Person, add_member, history, import, left_of, rows, sign_up, train, world};
use testkit::{TestResult, World};
use tonic::Code;
use valutai::{
    args::Secret,
    client::{Connection, auth, datasets, predict, reports},
    server::stack::SERVICES,
};

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
            ("password", _) => support::PASSWORD.clone(),
            _ => "word".to_owned(),
        }
    }
}

/// Whoever has called one of these needs another session for the methods after it.
fn ends_the_session(method: &Method) -> bool {
    ["SignOut", "LeaveOrganization"].contains(&method.name.as_str())
}

/// The same person, signed in anew.
async fn again(person: &Person, name: &str) -> TestResult<Person> {
    let email = format!("{name}@example.com");
    let password = Secret::verbatim(&support::PASSWORD);
    let timeout = std::time::Duration::from_secs(60);
    let anonymous = Connection::connect(&person.endpoint, None, timeout).await?;
    let reply = auth::sign_in(&anonymous, &email, &password, "").await?;
    Ok(Person {
        connection: anonymous.with_token(&reply.token)?,
        token: reply.token,
        ..person.clone()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_sees_anything_of_the_other_through_any_method() -> TestResult {
    let mut world = world().await?;
    let ours = company(&world, "ours").await?;
    let theirs = company(&world, "theirs").await?;
    let mut stranger = theirs.owner.clone();
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
    for method in METHODS
        .values()
        .filter(|m| !matches!(m.right, Right::Internal | Right::Operator))
    {
        walked += 1;
        let body = raw::request(method, &|field| ours.value(method, field));
        // A stream of events stays open and silent: what has to be seen is its first message.
        let outcome = raw::call(&channel, method, Some(&stranger.token), body).await?;
        if ends_the_session(method) {
            stranger = again(&stranger, "theirs").await?;
        }
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
                let is_sign_in = method.right == Right::Public;
                assert!(
                    expected.contains(&status.code())
                        || is_sign_in && status.code() == Code::Unauthenticated,
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
    let mut callers = [
        (Role::Unspecified, None),
        (Role::Viewer, Some(viewer)),
        (Role::Analyst, Some(analyst)),
        (Role::Owner, Some(company.owner.clone())),
    ];
    let mut others = 0;
    for method in METHODS.values() {
        for (role, caller) in &mut callers {
            let role = *role;
            let token = caller.as_ref().map(|person| person.token.as_str());
            let unknown = uuid::Uuid::now_v7().to_string();
            let body = raw::request(method, &|field| match field {
                "id" | "dataset_id" | "model_id" => unknown.clone(),
                other => company.value(method, other),
            });
            let outcome = raw::call(&channel, method, token, body).await?;
            let code = outcome.as_ref().err().map_or(Code::Ok, tonic::Status::code);
            let what = format!("{} as {role:?}: {outcome:?}", method.path());
            match (method.right, role) {
                (Right::Internal, _) => assert_eq!(code, Code::Unimplemented, "{what}"),
                // Which no member is, owners included.
                (Right::Operator, _) => assert_eq!(code, Code::Unauthenticated, "{what}"),
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
            if let Some(person) = caller.as_mut().filter(|_| ends_the_session(method)) {
                others += 1;
                *person = match role {
                    Role::Owner => again(person, "roles").await?,
                    role => {
                        let owner = again(&company.owner, "roles").await?;
                        add_member(&owner, &format!("other{others}"), role).await?
                    }
                };
            }
        }
    }
    world.stop().await;
    Ok(())
}

/// The gateway judges first, but a service does not rely on it.
#[tokio::test(flavor = "multi_thread")]
async fn every_service_judges_the_caller_once_more() -> TestResult {
    let mut world = world().await?;
    let transport = NatsTransport::new(world.bus().await?);
    let mut refused = 0;
    for method in METHODS.values().filter(|method| method.is_unary()) {
        let lower = match method.right {
            Right::Public | Right::Internal | Right::Operator | Right::Unspecified => continue,
            Right::Viewer => vec![],
            Right::Analyst => vec![Role::Viewer],
            Right::Owner => vec![Role::Viewer, Role::Analyst],
        };
        let nobody = (None, Code::Unauthenticated);
        let too_low = lower.into_iter().map(|role| {
            let id = uuid::Uuid::now_v7;
            let caller = Caller {
                user_id: id(),
                tenant_id: id(),
                role,
                session_id: id(),
            };
            (Some(caller), Code::PermissionDenied)
        });
        for (caller, expected) in std::iter::once(nobody).chain(too_low) {
            let context = Context {
                caller,
                ..Context::system("test")
            };
            let outcome = transport
                .call(&method.service, &method.name, &context, Vec::new())
                .await;
            let code = outcome.err().map_or(Code::Ok, |status| status.code());
            assert_eq!(code, expected, "{} by {context:?}", method.path());
            refused += 1;
        }
    }
    assert!(refused > 60, "only {refused} calls were refused");
    world.stop().await;
    Ok(())
}

/// Gateways remember a caller for five seconds; what ends a session has to reach them sooner.
#[tokio::test(flavor = "multi_thread")]
async fn gateways_hear_at_once_that_a_member_is_gone() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "owner").await?;
    let mut took = Vec::new();
    for round in 0..3 {
        let member = add_member(&owner, &format!("member{round}"), Role::Viewer).await?;
        let who = || async { member.connection.auth().who_am_i(WhoAmIRequest {}).await };
        let user_id = who()
            .await?
            .into_inner()
            .identity
            .unwrap_or_default()
            .user_id;
        let removal = RemoveMemberRequest { user_id };
        owner.connection.auth().remove_member(removal).await?;
        let removed = std::time::Instant::now();
        testkit::eventually("the gateway has heard of it", || async {
            Ok(who()
                .await
                .is_err_and(|status| status.code() == Code::Unauthenticated))
        })
        .await?;
        took.push(removed.elapsed());
    }
    // Not how fast, but by which way: left to forget, it takes five seconds.
    let fastest = took.iter().min().ok_or("no round")?;
    println!("from the removal to the refusal: {took:?}");
    assert!(fastest.as_secs() < 3, "{took:?}");
    world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_an_organisation_that_was_deleted() -> TestResult {
    let mut world = World::new(&SERVICES).await?;
    world.launch.accounts.deletion_grace = std::time::Duration::ZERO;
    world.start().await?;
    let (gone, kept) = (
        company(&world, "gone").await?,
        company(&world, "kept").await?,
    );
    let mut client = gone.owner.connection.auth();
    let who = client.who_am_i(WhoAmIRequest {}).await?.into_inner();
    let tenant = who.identity.unwrap_or_default().organization_id;
    let kept_rows = rows(&world, &organization_of(&kept).await?).await?;
    let (rows_before, files_before) = left_of(&world, &tenant).await?;
    assert!(
        rows_before.len() > 10 && files_before > 2,
        "{rows_before:?}"
    );

    let request = |name: &str| RequestOrganizationDeletionRequest {
        name: name.to_owned(),
        password: support::PASSWORD.clone(),
    };
    let other_name = client
        .request_organization_deletion(request("kept Ltd"))
        .await;
    assert!(other_name.is_err_and(|status| status.code() == Code::InvalidArgument));
    client
        .request_organization_deletion(request("gone Ltd"))
        .await?;
    let mut token = String::new();
    testkit::eventually("the mail is sent", || {
        let mails = support::mail(&world.mail_dir(), "gone@example.com", "Subject: Delete");
        token = mails.unwrap_or_default();
        let is_there = !token.is_empty();
        async move { Ok(is_there) }
    })
    .await?;
    let confirmation = ConfirmOrganizationDeletionRequest { token };
    client.confirm_organization_deletion(confirmation).await?;
    testkit::eventually("every service has deleted what it had", || async {
        Ok(left_of(&world, &tenant).await? == (Vec::new(), 0))
    })
    .await?;
    let refused = client.who_am_i(WhoAmIRequest {}).await;
    assert!(refused.is_err_and(|status| status.code() == Code::Unauthenticated));
    assert_eq!(
        rows(&world, &organization_of(&kept).await?).await?,
        kept_rows
    );
    datasets::get(&kept.owner.connection, &kept.dataset).await?;
    world.stop().await;
    // Also nothing that came late.
    assert_eq!(left_of(&world, &tenant).await?, (Vec::new(), 0));
    Ok(())
}

async fn organization_of(company: &Company) -> TestResult<String> {
    let mut client = company.owner.connection.auth();
    let who = client.who_am_i(WhoAmIRequest {}).await?.into_inner();
    Ok(who.identity.unwrap_or_default().organization_id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_ended_is_refused_everywhere() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "leaver").await?;
    datasets::get(&owner.connection, "not-an-id")
        .await
        .err()
        .ok_or("an id of words was found")?;
    auth::sign_out(&owner.connection).await?;
    testkit::eventually("the gateway has heard of it", || async {
        let request = WhoAmIRequest {};
        let answer = owner.connection.auth().who_am_i(request).await;
        Ok(answer.is_err_and(|status| status.code() == Code::Unauthenticated))
    })
    .await?;
    world.stop().await;
    Ok(())
}
