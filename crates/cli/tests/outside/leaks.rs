//! What a credential must not do: hear, read, acknowledge or change anything but its own events, by whatever request; and what
//! it must.

use testkit::TestResult;

use crate::{
    client::Client,
    walled::{CREDENTIALS, STREAM, Tenant, Walled},
};

/// Subjects that nobody outside may hear.
fn unheard(own: &Tenant, other: &Tenant) -> Vec<String> {
    let (own_id, other_id) = (&own.id, &other.id);
    let other_login = &other.issued.consumer;
    let mut subjects: Vec<String> = [
        ">",
        "*",
        "*.>",
        "*.*",
        "*.*.*.*.*",
        "valutai.>",
        "valutai.*.prediction.v1.PredictionMade",
        "valutai-rpc.>",
        "valutai-rpc.auth.*",
        "valutai-dead.>",
        "_INBOX.>",
        "_INBOX.*",
        "_INBOX_auth.>",
        "_INBOX_gateway.>",
        "_INBOX_outside-*.>",
        "_R_.>",
        "$JS.>",
        "$JS.API.>",
        "$JS.valutai.API.>",
        "$JS.ACK.>",
        "$JS.EVENT.>",
        "$SYS.>",
        "$SYS.REQ.USER.AUTH",
        "$KV.>",
        "$O.>",
    ]
    .map(str::to_owned)
    .into();
    subjects.extend([
        format!("valutai.{own_id}.>"),
        format!("valutai.{other_id}.>"),
        format!("valutai.{other_id}.prediction.v1.PredictionMade"),
        format!("_INBOX_{other_login}.>"),
        format!("_INBOX_{other_login}.x.1"),
        format!("$JS.ACK.{STREAM}.{other_login}.>"),
    ]);
    subjects
}

/// Subjects that nobody outside may say anything to.
fn unsaid(own: &Tenant, other: &Tenant) -> Vec<String> {
    let (mine, theirs) = (&own.issued.consumer, &other.issued.consumer);
    let event = |tenant: &Tenant| format!("valutai.{}.prediction.v1.PredictionMade", tenant.id);
    let mut subjects: Vec<String> = [
        "INFO",
        "STREAM.NAMES",
        "STREAM.LIST",
        "STREAM.CREATE.x",
        "META.LEADER.STEPDOWN",
        "SERVER.REMOVE",
        "ACCOUNT.PURGE.VALUTAI",
    ]
    .map(|request| format!("$JS.API.{request}"))
    .into();
    for verb in [
        "INFO",
        "MSG.GET",
        "MSG.DELETE",
        "PURGE",
        "DELETE",
        "UPDATE",
        "SNAPSHOT",
        "RESTORE",
        "LEADER.STEPDOWN",
    ] {
        subjects.push(format!("$JS.API.STREAM.{verb}.{STREAM}"));
        subjects.push(format!("$JS.API.STREAM.{verb}.valutai-auth"));
    }
    subjects.push(format!("$JS.API.DIRECT.GET.{STREAM}"));
    subjects.push(format!("$JS.API.DIRECT.GET.{STREAM}.{}", event(other)));
    subjects.push(format!("$JS.API.DIRECT.GET.{STREAM}.{}", event(own)));
    for verb in ["CREATE", "LIST", "NAMES", "DURABLE.CREATE"] {
        subjects.push(format!("$JS.API.CONSUMER.{verb}.{STREAM}"));
    }
    for name in [mine, theirs, "spy", "reporting-prediction"] {
        subjects.push(format!("$JS.API.CONSUMER.CREATE.{STREAM}.{name}"));
        subjects.push(format!("$JS.API.CONSUMER.DURABLE.CREATE.{STREAM}.{name}"));
        for filter in [event(own), event(other), ">".to_owned()] {
            subjects.push(format!("$JS.API.CONSUMER.CREATE.{STREAM}.{name}.{filter}"));
        }
        for verb in ["DELETE", "PAUSE", "UNPIN", "RESET", "LEADER.STEPDOWN"] {
            subjects.push(format!("$JS.API.CONSUMER.{verb}.{STREAM}.{name}"));
        }
    }
    for name in [
        theirs,
        "reporting-prediction",
        "prediction-shadow-prediction",
    ] {
        subjects.push(format!("$JS.API.CONSUMER.INFO.{STREAM}.{name}"));
        subjects.push(format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{name}"));
        subjects.push(format!("$JS.ACK.{STREAM}.{name}.1.1.1.1.1"));
    }
    subjects.extend([
        event(own),
        event(other),
        format!("valutai.{}.auth.v1.SessionRevoked", own.id),
        "valutai-rpc.auth.GetTenantKey".to_owned(),
        "valutai-rpc.prediction.Predict".to_owned(),
        "valutai-dead.x".to_owned(),
        format!("_INBOX_{theirs}.x"),
        "_INBOX_auth.x".to_owned(),
        "$SYS.REQ.USER.AUTH".to_owned(),
        "$SYS.REQ.SERVER.PING".to_owned(),
        "$SYS.REQ.SERVER.PING.CONNZ".to_owned(),
        "$SYS.REQ.USER.INFO.x".to_owned(),
    ]);
    subjects
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_reads_its_own_events_and_nothing_else() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let (own, other) = (walled.tenant("own").await?, walled.tenant("other").await?);
    for number in 0..3 {
        for tenant in [&own, &other] {
            walled.tell(tenant, "PredictionMade", number).await?;
            // What is not for those outside does not go out because it is on the same stream.
            walled.tell(tenant, "SomethingInternal", number).await?;
        }
    }
    let mut client = Client::connect(&own.issued.url)?;
    for subject in unheard(&own, &other) {
        assert!(!client.may_hear(&subject)?, "hears {subject}");
        assert!(
            !client.may_hear(&format!("{subject} queue"))?,
            "hears {subject} in a queue"
        );
    }
    for subject in unsaid(&own, &other) {
        assert!(!client.may_say(&subject, "", "{}")?, "says {subject}");
    }
    // What it is for: to the last one, each of its own, and none of another's.
    for tenant in [&own, &other] {
        let mut client = Client::connect(&tenant.issued.url)?;
        let issued = &tenant.issued;
        assert_eq!(issued.stream, STREAM);
        assert_eq!(issued.inbox_prefix, format!("_INBOX_{}", issued.consumer));
        let read = client.read(STREAM, &issued.consumer, 3)?;
        let bodies: Vec<String> = read.iter().map(client::text).collect();
        let expected = [0, 1, 2].map(|number| format!("PredictionMade {number} of {}", tenant.id));
        assert_eq!(bodies, expected);
        let info = client.request(
            &format!("$JS.valutai.API.CONSUMER.INFO.{STREAM}.{}", issued.consumer),
            "",
        )?;
        let info: serde_json::Value = serde_json::from_slice(&info.body)?;
        assert_eq!(
            (&info["num_pending"], &info["num_ack_pending"]),
            (&0.into(), &0.into()),
            "{info}"
        );
    }
    walled.stop().await
}

/// The reply subject of a permitted request is one that the server answers to without asking whether the client may publish
/// there: in the services' account that would be a way into any stream.
#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_led_elsewhere() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let (own, other) = (walled.tenant("own").await?, walled.tenant("other").await?);
    for number in 0..12 {
        walled.tell(&own, "PredictionMade", number).await?;
        walled.tell(&other, "PredictionMade", number).await?;
    }
    // Before anybody watches: the server asks auth about it.
    let mut client = Client::connect(&own.issued.url)?;
    let mut watcher = walled.superuser()?;
    assert!(watcher.may_hear("valutai.>")? && watcher.may_hear("valutai-rpc.prediction.Predict")?);
    assert!(watcher.may_hear("$SYS.REQ.USER.AUTH")? && watcher.may_hear("_INBOX_auth.>")?);
    let state = || -> TestResult<_> {
        let stream = walled.js(&format!("STREAM.INFO.{STREAM}"))?;
        let theirs = walled.js(&format!("CONSUMER.INFO.{STREAM}.{}", other.issued.consumer))?;
        Ok((
            stream["state"]["last_seq"].clone(),
            theirs["delivered"].clone(),
            theirs["ack_floor"].clone(),
        ))
    };
    let before = state()?;
    let (mine, theirs) = (&own.issued.consumer, &other.issued.consumer);
    let next = format!("$JS.valutai.API.CONSUMER.MSG.NEXT.{STREAM}.{mine}");
    let info = format!("$JS.valutai.API.CONSUMER.INFO.{STREAM}.{mine}");
    for reply in [
        format!("valutai.{}.prediction.v1.PredictionMade", other.id),
        format!("valutai.{}.auth.v1.SessionRevoked", other.id),
        "valutai-rpc.prediction.Predict".to_owned(),
        "$SYS.REQ.USER.AUTH".to_owned(),
        "_INBOX_auth.x".to_owned(),
        format!("$JS.API.CONSUMER.MSG.NEXT.{STREAM}.{theirs}"),
        format!("$JS.valutai.API.CONSUMER.MSG.NEXT.{STREAM}.{theirs}"),
    ] {
        assert!(client.may_say(&next, &reply, "{\"batch\":1}")?);
        assert!(client.may_say(&info, &reply, "")?);
    }
    let acknowledgement = format!("$JS.ACK.{STREAM}.{theirs}.1.2.1.1.1");
    assert!(!client.may_say(&info, &acknowledgement, "")?);
    // Answered after all of those.
    client.request(&info, "")?;
    client.read(STREAM, mine, 1)?;
    assert_eq!(
        state()?,
        before,
        "a stream or another's consumer has changed"
    );
    assert_eq!(watcher.others()?, [], "something was led to the services");
    walled.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_let_in_by_halves() -> TestResult {
    let walled = Walled::of(&CREDENTIALS).await?;
    let (own, other) = (walled.tenant("own").await?, walled.tenant("other").await?);
    let with = |user: &str, password: &str| {
        let host = own.issued.url.rsplit_once('@').map_or("", |(_, host)| host);
        Client::connect(&format!("nats://{user}:{password}@{host}"))
    };
    let secret = |tenant: &Tenant| {
        let who = tenant
            .issued
            .url
            .rsplit_once('@')
            .map_or("", |(who, _)| who);
        who.rsplit_once(':')
            .map_or("", |(_, secret)| secret)
            .to_owned()
    };
    let login = &own.issued.consumer;
    assert!(with(login, &secret(&own)).is_ok());
    for (user, password) in [
        (login.as_str(), secret(&other)),
        (login, auth::domain::new_token("vns_")),
        (login, "x".to_owned()),
        ("auth", secret(&own)),
        ("nobody", secret(&own)),
        ("valutai", secret(&own)),
    ] {
        let refused = with(user, &password).err().map(|error| error.to_string());
        assert_eq!(
            refused.as_deref(),
            Some("-ERR 'Authorization Violation'"),
            "{user}"
        );
    }
    // A session of an owner, and whoever says nothing at all.
    assert!(with(login, &own.owner.token).is_err());
    assert!(with("", "").is_err());
    walled.stop().await
}

mod client {
    use crate::client::Message;

    pub fn text(message: &Message) -> String {
        message.text()
    }
}
