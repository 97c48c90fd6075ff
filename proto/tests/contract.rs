//! The contract's promise: what `contract.txt` says of a field, method or enum value stays true.
//! The file is a readable dump that is only ever added to; after an addition, write it anew with
//! `VALUTAI_UPDATE_CONTRACT=1 cargo test -p proto`. Deliberately strict: a change of meaning needs a
//! new field number.

use std::{collections::BTreeMap, fs, path::PathBuf};

use prost_reflect::{EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor};
use proto::access::{METHODS, POOL};

/// Identity of an entry, such as `valutai.auth.v1.Member #2`, and what it means.
type Dump = BTreeMap<String, String>;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("contract.txt")
}

fn current() -> Dump {
    let mut dump = Dump::new();
    let ours = |name: &str| name.starts_with("valutai.");
    for message in POOL
        .all_messages()
        .filter(|m| ours(m.full_name()) && !m.is_map_entry())
    {
        add_message(&mut dump, &message);
    }
    for kind in POOL.all_enums().filter(|e| ours(e.full_name())) {
        add_enum(&mut dump, &kind);
    }
    for method in METHODS.values() {
        let stream = |streaming| if streaming { "stream " } else { "" };
        let descriptor = &method.descriptor;
        dump.insert(
            format!("{}/{}", method.service, method.name),
            format!(
                "{}{} -> {}{} for {}",
                stream(descriptor.is_client_streaming()),
                descriptor.input().full_name(),
                stream(descriptor.is_server_streaming()),
                descriptor.output().full_name(),
                method.right.as_str_name()
            ),
        );
    }
    dump
}

fn add_message(dump: &mut Dump, message: &MessageDescriptor) {
    dump.insert(message.full_name().to_owned(), "message".to_owned());
    for field in message.fields() {
        dump.insert(
            format!("{} #{:05}", message.full_name(), field.number()),
            format!("{} {}", field.name(), type_of(&field)),
        );
    }
}

fn add_enum(dump: &mut Dump, kind: &EnumDescriptor) {
    dump.insert(kind.full_name().to_owned(), "enum".to_owned());
    for value in kind.values() {
        dump.insert(
            format!("{} ={:05}", kind.full_name(), value.number()),
            value.name().to_owned(),
        );
    }
}

fn type_of(field: &FieldDescriptor) -> String {
    let one = |kind: Kind| match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(kind) => kind.full_name().to_owned(),
        scalar => format!("{scalar:?}").to_lowercase(),
    };
    if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
        let (key, value) = (entry.map_entry_key_field(), entry.map_entry_value_field());
        return format!("map<{}, {}>", one(key.kind()), one(value.kind()));
    }
    let label = if field.is_list() {
        "repeated "
    } else if field.supports_presence() && field.containing_oneof().is_some() {
        "optional "
    } else {
        ""
    };
    format!("{label}{}", one(field.kind()))
}

fn write(dump: &Dump) -> String {
    dump.iter()
        .map(|(what, meaning)| format!("{what}: {meaning}\n"))
        .collect()
}

fn read(text: &str) -> Dump {
    text.lines()
        .filter_map(|line| line.split_once(": "))
        .map(|(what, meaning)| (what.to_owned(), meaning.to_owned()))
        .collect()
}

/// What was promised and does not hold any more.
fn broken_promises(promised: &Dump, current: &Dump) -> Vec<String> {
    promised
        .iter()
        .filter_map(|(what, meaning)| match current.get(what) {
            Some(now) if now == meaning => None,
            Some(now) => Some(format!("{what} was \"{meaning}\" and is now \"{now}\"")),
            None => Some(format!("{what} (\"{meaning}\") is gone")),
        })
        .collect()
}

#[test]
fn what_was_promised_still_holds() {
    let current = current();
    let promised = read(&fs::read_to_string(path()).unwrap_or_default());
    let broken = broken_promises(&promised, &current);
    assert!(
        broken.is_empty(),
        "a client built on the old contract would misread the new one:\n{}\ntake a new field number instead",
        broken.join("\n")
    );
    if std::env::var_os("VALUTAI_UPDATE_CONTRACT").is_some() {
        fs::write(path(), write(&current)).expect("proto/contract.txt can be written");
        return;
    }
    // Without both texts, which are long.
    assert!(
        write(&promised) == write(&current),
        "the contract has grown: run VALUTAI_UPDATE_CONTRACT=1 cargo test -p proto"
    );
}

#[test]
fn a_changed_meaning_is_noticed() {
    let mut changed = current();
    let promised = changed.clone();
    let entry = changed
        .get_mut("valutai.auth.v1.Member #00002")
        .expect("the field exists");
    *entry = "name string".to_owned();
    changed.remove("valutai.auth.v1.Member #00003");
    assert_eq!(broken_promises(&promised, &changed).len(), 2);
}

#[test]
fn every_method_says_who_may_call_it() {
    use proto::access::Right;
    assert!(!METHODS.is_empty());
    for method in METHODS.values() {
        assert_ne!(method.right, Right::Unspecified, "{}", method.path());
    }
}

/// The roles as the product promises them, apart from what stands beside each method.
#[test]
fn viewers_read_predictions_and_reports_and_owners_alone_run_the_team() {
    use proto::access::Right;
    let with = |right| -> Vec<&str> {
        let methods = METHODS.values().filter(|method| method.right == right);
        methods.map(|method| method.name.as_str()).collect()
    };
    // What everybody may do about their own account and membership.
    let own = [
        "BeginProviderLink",
        "BeginTotp",
        "ChangeEmail",
        "ChangePassword",
        "CompleteProviderLink",
        "ConfirmTotp",
        "CreateApiKey",
        "CreateOrganization",
        "DisableTotp",
        "LeaveOrganization",
        "ListApiKeys",
        "ListOrganizations",
        "ListProviderLinks",
        "ListSessions",
        "RenewRecoveryCodes",
        "RevokeAllSessions",
        "RevokeApiKey",
        "RevokeSession",
        "SendVerificationEmail",
        "SignOut",
        "SwitchOrganization",
        "UnlinkProvider",
        "WhoAmI",
    ];
    let read = [
        "ExplainDifference",
        "GetDrift",
        "GetLedgerSettings",
        "GetOutcome",
        "GetPrediction",
        "ListPredictions",
        "TrackRecord",
        "WatchPredictions",
        "GetReport",
        // Of the mail that they get themselves.
        "LeaveReportSchedule",
        "ListReports",
        "OpenReportLink",
    ];
    assert_eq!(with(Right::Viewer), [&own[..], &read[..]].concat());
    assert_eq!(
        with(Right::Owner),
        [
            "AddMember",
            "CancelOrganizationDeletion",
            "ChangeMemberRole",
            "ConfirmOrganizationDeletion",
            "CreateServiceAccount",
            "ExportAuditTrail",
            "InviteMember",
            "IssueStreamCredential",
            "ListAuditEntries",
            "ListInvitations",
            "ListMembers",
            "ListServiceAccounts",
            "ListStreamCredentials",
            "RemoveMember",
            "RequestOrganizationDeletion",
            "RevokeInvitation",
            "RevokeServiceAccount",
            "RevokeStreamCredential",
            "TransferOwnership",
            "VerifyAuditTrail",
            "DeleteDataset",
            "SetLedgerSettings",
            "CreateWebhook",
            "DeleteWebhook",
            "GetWebhookDelivery",
            "ListWebhookDeliveries",
            "ListWebhooks",
            "ReplayWebhookDeliveries",
            "RotateWebhookSecret",
            "TestWebhook",
            "UpdateWebhook",
            "RebuildReadModels",
        ]
    );
    assert_eq!(
        with(Right::Public),
        [
            "AcceptInvitation",
            "BeginProviderSignIn",
            "CompleteProviderSignIn",
            "ContinueProviderSignIn",
            "ListProviders",
            "RequestPasswordReset",
            "ResetPassword",
            "SignIn",
            "SignUp",
            "VerifyEmail"
        ]
    );
}
