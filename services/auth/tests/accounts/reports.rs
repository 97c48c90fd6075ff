//! Reports that are mailed to members: to each once, to nobody who may not have them, and without a way into the head of a mail.

use platform::config::{MailSink, Secret};
use proto::{
    auth::{FindRecipientsRequest, PostReportRequest, Recipient, RecipientState, Role},
    rpc::Context,
};
use testkit::{TestResult, eventually};
use tokio::net::TcpListener;
use tonic::Code;
use uuid::Uuid;

use crate::support::{Auth, PASSWORD, code};

fn posting(organization_id: &str, user_ids: &[&str]) -> PostReportRequest {
    PostReportRequest {
        organization_id: organization_id.to_owned(),
        report_id: Uuid::now_v7().to_string(),
        user_ids: user_ids.iter().map(|id| (*id).to_owned()).collect(),
        title: "Acme\r\nBcc: eve@example.com".to_owned(),
        sentences: vec!["Half of the quotes were won.".to_owned()],
        token: "vrl_token".to_owned(),
        expires_at: Some(platform::wire::timestamp(chrono::DateTime::UNIX_EPOCH)),
        version: 2,
        ..PostReportRequest::default()
    }
}

/// Whether users can be written to, in the order of the question.
fn states(recipients: &[Recipient]) -> Vec<RecipientState> {
    recipients.iter().map(Recipient::state).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_is_mailed_once_to_members_with_a_confirmed_address() -> TestResult {
    let mut auth = Auth::start().await?;
    let (ada, owner) = auth.verified("ada").await?;
    let (eve, _) = auth.verified("eve").await?;
    // Added with a password, so that nobody has confirmed the address.
    let request = proto::auth::AddMemberRequest {
        email: "carl@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        role: Role::Viewer.into(),
    };
    let carl = auth.client.add_member(&owner, request).await?;
    let carl = carl.member.ok_or("no member")?.user_id;
    auth.all_mail_sent().await?;
    for file in auth.mails()? {
        std::fs::remove_file(file)?;
    }

    let posting = posting(&ada.organization_id, &[&ada.id, &carl, &eve.id]);
    let expected = [
        RecipientState::Ready,
        RecipientState::Unconfirmed,
        RecipientState::NoMember,
    ];
    let system = Context::system("test");
    let request = FindRecipientsRequest {
        organization_id: posting.organization_id.clone(),
        user_ids: posting.user_ids.clone(),
    };
    let found = auth.client.find_recipients(&system, request).await?;
    assert_eq!(states(&found.recipients), expected);
    // Asked twice, as after an answer that was lost.
    for _ in 0..2 {
        let posted = auth.client.post_report(&system, posting.clone()).await?;
        assert_eq!(states(&posted.recipients), expected);
    }
    auth.all_mail_sent().await?;
    assert_eq!(auth.mails()?.len(), 1);
    let text = auth
        .mail("ada", "Report: Acme Bcc: eve@example.com\n\n")
        .await?;
    assert!(text.contains("\nHalf of the quotes were won.\n"), "{text}");
    assert!(text.contains("valutai reports open vrl_token"), "{text}");
    // Another version is another mail.
    let next = PostReportRequest {
        report_id: Uuid::now_v7().to_string(),
        ..posting
    };
    auth.client.post_report(&system, next).await?;
    auth.mail("ada", "Report: Acme").await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_while_mail_is_on_its_way_gets_none() -> TestResult {
    // A mail server that is not there.
    let closed = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let mut auth = Auth::start_with(|accounts| {
        accounts.mail = Some(MailSink::Smtp(Secret::new(format!("smtp://{closed}"))));
        accounts.mail_from = "ValutAI <valutai@example.com>".to_owned();
    })
    .await?;
    let ada = auth.sign_up("ada").await?;
    let owner = auth.with(&ada.token).await?;
    let request = proto::auth::AddMemberRequest {
        email: "carl@example.com".to_owned(),
        password: PASSWORD.to_owned(),
        role: Role::Viewer.into(),
    };
    let carl = auth.client.add_member(&owner, request).await?;
    let carl = carl.member.ok_or("no member")?.user_id;
    let mut admin = auth.world.admin().await?;
    for query in [
        r#"UPDATE auth."user" SET email_verified_at = now()"#,
        "DELETE FROM auth.mail",
    ] {
        sqlx::query(query).execute(&mut admin).await?;
    }
    let posted = posting(&ada.organization_id, &[&carl]);
    let system = Context::system("test");
    let posted = auth.client.post_report(&system, posted).await?;
    assert_eq!(states(&posted.recipients), [RecipientState::Ready]);
    eventually("it could not be sent", || async {
        let mut admin = auth.world.admin().await?;
        let tried: i64 = sqlx::query_scalar("SELECT count(*) FROM auth.mail WHERE attempts > 0")
            .fetch_one(&mut admin)
            .await?;
        Ok(tried == 1)
    })
    .await?;
    let request = proto::auth::RemoveMemberRequest { user_id: carl };
    auth.client.remove_member(&owner, request).await?;
    sqlx::query("UPDATE auth.mail SET due_at = now()")
        .execute(&mut admin)
        .await?;
    auth.all_mail_sent().await?;
    auth.world.stop().await;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_nobody_can_be_a_recipient() -> TestResult {
    let mut auth = Auth::start_with(|accounts| accounts.mail = None).await?;
    let ada = auth.sign_up("ada").await?;
    let request = FindRecipientsRequest {
        organization_id: ada.organization_id.clone(),
        user_ids: vec![ada.id.clone()],
    };
    let system = Context::system("test");
    let found = auth.client.find_recipients(&system, request).await;
    assert_eq!(code(found), Code::FailedPrecondition);
    let posted = posting(&ada.organization_id, &[&ada.id]);
    let posted = auth.client.post_report(&system, posted).await;
    assert_eq!(code(posted), Code::FailedPrecondition);
    auth.world.stop().await;
    Ok(())
}
