//! The audit trail as lines of JSON: one an entry, and the sealed head as the last. What a line says in
//! words stands in its content once more, which is what the hash covers; [`verify`] compares the two.
//! Deliberately no other format: whoever wants a table makes one of these.

use std::io::BufRead;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, SecondsFormat, Utc};
use platform::{config::Keys, wire};
use prost::Message as _;
use proto::{access::role_name, auth::OperationRecorded};
use serde_json::{Value, json};
use uuid::Uuid;

use super::trail::{Broken, Entry, Head, Verifier};

/// Why an exported trail cannot be followed to its end.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not one of an exported trail.
    #[error("line {0} is not one of an exported audit trail")]
    Line(usize),
    /// The file has no head, which names the organisation.
    #[error("the sealed head is missing at the end of the file: it was cut off")]
    NoHead,
    /// The trail does not hold.
    #[error(transparent)]
    Broken(#[from] Broken),
}

/// An entry as a line, with its end.
#[must_use]
pub fn entry_line(entry: &Entry) -> String {
    let mut line = said(entry);
    line["recorded_at"] = json!(time(entry.recorded_at));
    line["content"] = json!(BASE64_STANDARD.encode(&entry.content));
    line["key_id"] = json!(BASE64_STANDARD.encode(&entry.key_id));
    line["previous_hash"] = json!(BASE64_STANDARD.encode(&entry.previous_hash));
    line["hash"] = json!(BASE64_STANDARD.encode(&entry.hash));
    format!("{line}\n")
}

/// The head as a line, with its end.
#[must_use]
pub fn head_line(tenant: Uuid, head: &Head) -> String {
    let head = json!({
        "organization_id": tenant.to_string(),
        "entries": head.entries,
        "hash": BASE64_STANDARD.encode(&head.hash),
        "key_id": BASE64_STANDARD.encode(&head.key_id),
        "seal": BASE64_STANDARD.encode(&head.seal),
    });
    format!("{}\n", json!({ "head": head }))
}

/// What the content of an entry says, for people.
fn said(entry: &Entry) -> Value {
    let event = OperationRecorded::decode(entry.content.as_slice()).unwrap_or_default();
    let changes: Vec<Value> = event
        .changes
        .iter()
        .map(|change| {
            json!({ "field": change.field, "before": change.before, "after": change.after })
        })
        .collect();
    json!({
        "sequence": entry.sequence,
        "occurred_at": event.occurred_at.as_ref().and_then(wire::datetime).map(time),
        "action": event.action,
        "entity_id": event.entity_id,
        "outcome": event.outcome().as_str_name().trim_start_matches("OUTCOME_").to_lowercase(),
        "problem": event.problem,
        "user_id": event.user_id,
        "role": role_name(event.role()),
        "network": event.network,
        "request_id": event.request_id,
        "trace_id": event.trace_id,
        "changes": changes,
    })
}

fn time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Follows an exported trail to its end; answers how many entries there are.
///
/// # Errors
/// `Broken`, naming the first entry that does not hold, or what is wrong with the file.
pub fn verify(keys: &Keys, file: impl BufRead) -> Result<i64, Problem> {
    // The head, which names the organisation, comes last.
    let mut entries = Vec::new();
    let mut end = None;
    for (at, line) in file.lines().enumerate() {
        let line = line?;
        let problem = || Problem::Line(at + 1);
        let value: Value = serde_json::from_str(&line).map_err(|_| problem())?;
        if end.is_some() {
            return Err(problem());
        }
        match value.get("head") {
            Some(head) => end = Some(head_of(head).ok_or_else(problem)?),
            None => {
                let entry = entry_of(&value).ok_or_else(problem)?;
                // A line whose words are not those of its content is as good as changed.
                let is_whole = entry_line(&entry).trim_end() == line;
                entries.push((entry, is_whole));
            }
        }
    }
    let (tenant, head) = end.ok_or(Problem::NoHead)?;
    let mut verifier = Verifier::new(keys, tenant);
    for (entry, is_whole) in &entries {
        verifier.follow(entry)?;
        if !is_whole {
            return Err(Problem::Broken(Broken {
                at: entry.sequence,
                why: "it says other things than its content",
            }));
        }
    }
    Ok(verifier.end(Some(&head).filter(|head| head.entries > 0))?)
}

fn entry_of(line: &Value) -> Option<Entry> {
    Some(Entry {
        sequence: line["sequence"].as_i64()?,
        recorded_at: line["recorded_at"].as_str()?.parse().ok()?,
        content: bytes(&line["content"])?,
        key_id: bytes(&line["key_id"])?,
        previous_hash: bytes(&line["previous_hash"])?,
        hash: bytes(&line["hash"])?,
    })
}

fn head_of(head: &Value) -> Option<(Uuid, Head)> {
    let tenant = Uuid::try_parse(head["organization_id"].as_str()?).ok()?;
    let head = Head {
        entries: head["entries"].as_i64()?,
        hash: bytes(&head["hash"])?,
        key_id: bytes(&head["key_id"])?,
        seal: bytes(&head["seal"])?,
    };
    Some((tenant, head))
}

fn bytes(value: &Value) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(value.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use platform::config::Key;
    use proto::auth::{FieldChange, Outcome, Role};

    use super::*;

    fn export(keys: &Keys) -> Vec<String> {
        let tenant = Uuid::now_v7();
        let mut head = Head::none();
        let mut lines = Vec::new();
        for number in 0..4 {
            let event = OperationRecorded {
                action: "auth.change_member_role".to_owned(),
                entity_id: number.to_string(),
                role: Role::Owner.into(),
                outcome: Outcome::Done.into(),
                changes: vec![FieldChange {
                    field: "role".to_owned(),
                    before: "viewer".to_owned(),
                    after: "owner".to_owned(),
                }],
                ..OperationRecorded::default()
            };
            let (entry, next) =
                head.append(keys, tenant, DateTime::UNIX_EPOCH, event.encode_to_vec());
            lines.push(entry_line(&entry));
            head = next;
        }
        lines.push(head_line(tenant, &head));
        lines
    }

    #[test]
    fn an_exported_trail_is_followed_to_its_end() {
        let keys = Keys::from(Key::generate());
        let lines = export(&keys);
        let check = |lines: &[String]| verify(&keys, lines.concat().as_bytes());
        assert_eq!(check(&lines).expect("holds"), 4);
        assert!(matches!(check(&lines[..4]), Err(Problem::NoHead)));
        let mut cut = lines.clone();
        cut.remove(3);
        assert!(matches!(
            check(&cut),
            Err(Problem::Broken(Broken { at: 4, .. }))
        ));
        let mut changed = lines.clone();
        changed[1] = changed[1].replace("viewer", "analyst");
        assert!(matches!(
            check(&changed),
            Err(Problem::Broken(Broken { at: 2, .. }))
        ));
        let mut other = lines.clone();
        other[2] = "{}\n".to_owned();
        assert!(matches!(check(&other), Err(Problem::Line(3))));
        let others = Keys::from(Key::generate());
        let forged = verify(&others, lines.concat().as_bytes());
        assert!(matches!(forged, Err(Problem::Broken(Broken { at: 1, .. }))));
        assert!(matches!(verify(&keys, &b""[..]), Err(Problem::NoHead)));
    }
}
