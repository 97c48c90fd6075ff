//! The audit trail against a real database: what is in it, who may change it, and that a change is found.

use platform::TenantTx;
use proto::{
    auth::{
        AuditEntry, ChangeMemberRoleRequest, FieldChange, ListAuditEntriesRequest, Outcome,
        RemoveMemberRequest, Role, VerifyAuditTrailRequest, VerifyAuditTrailResponse,
    },
    rpc::Context,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use super::support::{Auth, code};

const WRITERS: usize = 20;
const EACH: usize = 12;

async fn list(
    auth: &Auth,
    owner: &Context,
    request: ListAuditEntriesRequest,
) -> TestResult<Vec<AuditEntry>> {
    let request = ListAuditEntriesRequest {
        page_size: 200,
        ..request
    };
    Ok(auth
        .client
        .list_audit_entries(owner, request)
        .await?
        .entries)
}

async fn verify(auth: &Auth, owner: &Context) -> TestResult<VerifyAuditTrailResponse> {
    let request = VerifyAuditTrailRequest {};
    Ok(auth.client.verify_audit_trail(owner, request).await?)
}

/// Waits until a tenant's trail has as many entries.
async fn has_entries(auth: &Auth, owner: &Context, count: i64) -> TestResult {
    eventually(&format!("{count} entries"), || async {
        Ok(verify(auth, owner).await?.entries >= count)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_writers_over_three_tenants_make_three_chains() -> TestResult {
    let mut auth = Auth::start().await?;
    // Two replicas hear the operations, and neither may fork a chain.
    let other = auth
        .world
        .launch
        .start(&[auth::SERVICE], &auth.world.clock)
        .await?;
    let mut owners = Vec::new();
    for name in ["one", "two", "three"] {
        let reply = auth.sign_up(name).await?;
        owners.push(auth.with(&reply.token).await?);
    }
    let database = auth.world.database("auth").await?;
    let writers = (0..WRITERS).map(|writer| {
        let (database, owner) = (database.clone(), owners[writer % 3].clone());
        tokio::spawn(async move {
            for _ in 0..EACH {
                let mut tx = database.begin(owner.caller()?.tenant_id).await?;
                tx.audit(&owner, &format!("test.write_{writer}"), Uuid::now_v7())
                    .await?;
                tx.commit().await?;
            }
            Ok::<(), testkit::Failure>(())
        })
    });
    for writer in futures::future::join_all(writers).await {
        writer??;
    }
    for (number, owner) in owners.iter().enumerate() {
        let writers = (0..WRITERS).filter(|writer| writer % 3 == number).count();
        // And the sign-up.
        let expected = (writers * EACH + 1) as i64;
        has_entries(&auth, owner, expected).await?;
        let verified = verify(&auth, owner).await?;
        assert_eq!(
            (verified.broken_at, verified.entries),
            (0, expected),
            "{}",
            verified.problem
        );
        for writer in (0..WRITERS).filter(|writer| writer % 3 == number) {
            let request = ListAuditEntriesRequest {
                action: format!("test.write_{writer}"),
                ..ListAuditEntriesRequest::default()
            };
            assert_eq!(list(&auth, owner, request).await?.len(), EACH);
        }
    }
    other.stop().await;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_trail_says_who_did_what_and_how_it_ended() -> TestResult {
    let mut auth = Auth::start().await?;
    let (_, owner) = auth.verified("boss").await?;
    let (_, member) = auth.verified("helper").await?;
    let user = member.caller()?.user_id;
    let tenant = owner.caller()?.tenant_id;
    let mut database = auth.world.admin().await?;
    let joined = format!(
        "INSERT INTO auth.member (tenant_id, user_id, role, created_at) VALUES ('{tenant}', '{user}', 'viewer', now())"
    );
    database.execute(AssertSqlSafe(joined)).await?;
    let change = ChangeMemberRoleRequest {
        user_id: user.to_string(),
        role: Role::Analyst.into(),
    };
    auth.client.change_member_role(&owner, change).await?;
    let unknown = Uuid::now_v7().to_string();
    let removal = RemoveMemberRequest {
        user_id: unknown.clone(),
    };
    assert_eq!(
        code(auth.client.remove_member(&owner, removal).await),
        Code::NotFound
    );
    let mut viewer = owner.clone();
    if let Some(caller) = &mut viewer.caller {
        (caller.user_id, caller.role) = (user, Role::Viewer);
    }
    let request = ListAuditEntriesRequest::default();
    let refused = auth.client.list_audit_entries(&viewer, request).await;
    assert_eq!(code(refused), Code::PermissionDenied);
    assert_eq!(
        code(auth.sign_in("boss", "a wrong one").await),
        Code::Unauthenticated
    );
    assert_eq!(
        code(auth.sign_in("nobody", "a wrong one").await),
        Code::Unauthenticated
    );

    let found = |action: &str, outcome: Outcome| {
        let request = ListAuditEntriesRequest {
            action: action.to_owned(),
            outcome: outcome.into(),
            ..ListAuditEntriesRequest::default()
        };
        let (auth, owner) = (&auth, &owner);
        async move { list(auth, owner, request).await }
    };
    eventually("the refused sign-in is recorded", || async {
        Ok(found("auth.sign_in", Outcome::Refused).await?.len() == 1)
    })
    .await?;
    eventually("the refused list is recorded", || async {
        Ok(found("auth.list_audit_entries", Outcome::Refused)
            .await?
            .len()
            == 1)
    })
    .await?;
    let changed = found("auth.change_member_role", Outcome::Done).await?;
    let [changed] = &changed[..] else {
        return Err(format!("{changed:?}").into());
    };
    assert_eq!(changed.user_id, owner.caller()?.user_id.to_string());
    assert_eq!(
        (changed.role(), changed.entity_id.as_str()),
        (Role::Owner, user.to_string().as_str())
    );
    assert_eq!(
        (changed.network.as_str(), changed.request_id.as_str()),
        ("192.0.2.0/24", "test")
    );
    let role = FieldChange {
        field: "role".to_owned(),
        before: "viewer".to_owned(),
        after: "analyst".to_owned(),
    };
    assert_eq!(changed.changes, [role]);
    let removed = found("auth.remove_member", Outcome::Refused).await?;
    assert_eq!(
        (removed[0].problem.as_str(), &removed[0].entity_id),
        ("NotFound", &unknown)
    );
    let by_viewer = ListAuditEntriesRequest {
        user_id: user.to_string(),
        ..ListAuditEntriesRequest::default()
    };
    let by_viewer = list(&auth, &owner, by_viewer).await?;
    assert_eq!(by_viewer.len(), 1, "{by_viewer:?}");
    assert_eq!(
        (by_viewer[0].problem.as_str(), by_viewer[0].role()),
        ("PermissionDenied", Role::Viewer)
    );
    assert!(found("training.", Outcome::Done).await?.is_empty());
    let all = found("auth.", Outcome::Unspecified).await?.len();
    let late = ListAuditEntriesRequest {
        until: Some(platform::wire::timestamp(auth.world.clock.now())),
        ..ListAuditEntriesRequest::default()
    };
    assert_eq!(list(&auth, &owner, late.clone()).await?.len(), all);
    let late = ListAuditEntriesRequest {
        since: late.until,
        ..ListAuditEntriesRequest::default()
    };
    assert!(list(&auth, &owner, late).await?.is_empty());
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_changes_an_entry() -> TestResult {
    let mut auth = Auth::start().await?;
    let reply = auth.sign_up("keeper").await?;
    let owner = auth.with(&reply.token).await?;
    has_entries(&auth, &owner, 1).await?;
    let tenant = owner.caller()?.tenant_id;
    let changes = [
        "UPDATE audit_entry SET action = 'auth.other'",
        "DELETE FROM audit_entry",
        "TRUNCATE audit_entry",
    ];
    let database = auth.world.database("auth").await?;
    for change in changes {
        // By grant: the service may not.
        let mut tx: TenantTx = database.begin(tenant).await?;
        let refused = sqlx::query(change).execute(tx.connection()).await;
        let refused = refused.err().ok_or(change)?.to_string();
        assert!(refused.contains("permission denied"), "{change}: {refused}");
        // By trigger: neither may the owner of the table, nor an administrator.
        for role in ["valutai_auth_owner", "none"] {
            let mut admin = auth.world.admin().await?;
            let mut tx = admin.begin().await?;
            tx.execute(AssertSqlSafe(format!("SET LOCAL ROLE {role}; SET LOCAL search_path = auth; SET LOCAL app.tenant_id = '{tenant}'"))).await?;
            let refused = sqlx::query(change).execute(&mut *tx).await;
            let refused = refused.err().ok_or(change)?.to_string();
            assert!(
                refused.contains("only appended to"),
                "{change} as {role}: {refused}"
            );
        }
    }
    let mut admin = auth.world.admin().await?;
    let partition = auth
        .world
        .clock
        .now()
        .format("audit_entry_%Y_%m")
        .to_string();
    let here: i64 = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT count(*) FROM auth.{partition}"
    )))
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(here, 1, "entries lie in the partition of their month");
    let months: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_inherits WHERE inhparent = 'auth.audit_entry'::regclass",
    )
    .fetch_one(&mut admin)
    .await?;
    assert_eq!(months, 5, "four months and the net");
    auth.world.stop().await;
    Ok(())
}

/// What somebody can do who has the database, its triggers included, but not the key.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_the_tables_is_found() -> TestResult {
    let mut auth = Auth::start().await?;
    let reply = auth.sign_up("victim").await?;
    let owner = auth.with(&reply.token).await?;
    for _ in 0..6 {
        auth.sign_in("victim", super::support::PASSWORD).await?;
    }
    has_entries(&auth, &owner, 7).await?;
    let attacks = [
        (
            3,
            "UPDATE auth.audit_entry SET content = content || '\\x00' WHERE sequence = 3",
        ),
        (
            4,
            "UPDATE auth.audit_entry SET action = 'auth.sign_up' WHERE sequence = 4",
        ),
        (
            4,
            "UPDATE auth.audit_entry SET recorded_at = recorded_at + interval '1 microsecond' WHERE sequence = 4",
        ),
        (2, "DELETE FROM auth.audit_entry WHERE sequence = 2"),
        (
            2,
            "DELETE FROM auth.audit_entry WHERE sequence = 2; UPDATE auth.audit_entry SET sequence = sequence - 1 WHERE sequence > 2",
        ),
        (
            3,
            "UPDATE auth.audit_entry SET sequence = CASE sequence WHEN 3 THEN 5 ELSE 3 END WHERE sequence IN (3, 5)",
        ),
        (7, "DELETE FROM auth.audit_entry WHERE sequence = 7"),
        (
            7,
            "DELETE FROM auth.audit_entry WHERE sequence = 7; UPDATE auth.audit_head h SET entries = 6, hash = (SELECT hash FROM auth.audit_entry e WHERE e.sequence = 6)",
        ),
        (1, "DELETE FROM auth.audit_head"),
        (1, "DELETE FROM auth.audit_entry"),
        (
            8,
            "INSERT INTO auth.audit_entry SELECT tenant_id, 8, recorded_at, occurred_at, user_id, action, entity_id, outcome, content, key_id, hash, hash FROM auth.audit_entry WHERE sequence = 7",
        ),
    ];
    let mut admin = auth.world.admin().await?;
    // As somebody does who may do everything.
    admin.execute("SET session_replication_role = replica; CREATE TABLE saved_entry AS SELECT * FROM auth.audit_entry; CREATE TABLE saved_head AS SELECT * FROM auth.audit_head").await?;
    for (expected, attack) in attacks {
        admin.execute(attack).await?;
        let verified = verify(&auth, &owner).await?;
        assert_eq!(
            verified.broken_at, expected,
            "{attack}: {}",
            verified.problem
        );
        restore(&mut admin).await?;
        assert_eq!(verify(&auth, &owner).await?.broken_at, 0, "after {attack}");
    }
    auth.world.stop().await;
    Ok(())
}

async fn restore(admin: &mut PgConnection) -> TestResult {
    admin.execute("DELETE FROM auth.audit_entry; DELETE FROM auth.audit_head; INSERT INTO auth.audit_entry SELECT * FROM saved_entry; INSERT INTO auth.audit_head SELECT * FROM saved_head").await?;
    Ok(())
}
