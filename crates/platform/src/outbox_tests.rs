//! What is committed together and what becomes of it on its way, without a database.

use proto::training::TrainingFailed;

use super::*;
use crate::batch::{Carried, unpack};

fn rows(events: &[TrainingFailed], first_trace: Option<&str>) -> Vec<Row> {
    let traced: Vec<_> = events
        .iter()
        .enumerate()
        .map(|(at, event)| Traced {
            event,
            traceparent: first_trace.filter(|_| at == 0),
        })
        .collect();
    let (tenant, now) = (Uuid::max(), DateTime::UNIX_EPOCH);
    Row::all(&Subjects::new("test"), "notes", tenant, &traced, now)
}

fn received(row: Row) -> (Outgoing, Vec<Carried>) {
    let pending = Pending {
        position: 1,
        stream: row.stream,
        subject: row.subject,
        headers: serde_json::json!(row.headers).to_string(),
        body: row.body,
    };
    let message = outgoing(&pending).expect("readable");
    let carried = unpack(Some(&message.headers), &message.body).expect("events");
    (message, carried)
}

fn event(number: usize, problem: &str) -> TrainingFailed {
    TrainingFailed {
        model_id: number.to_string(),
        problem: problem.to_owned(),
    }
}

#[test]
fn what_is_committed_together_travels_together_and_comes_apart_again() {
    let events: Vec<TrainingFailed> = (0..=GROUP).map(|number| event(number, "")).collect();
    let rows = rows(&events, Some("00-1-2-01"));
    assert_eq!(rows.len(), 2, "a group and the one that is too many");
    let received: Vec<_> = rows.into_iter().map(received).collect();
    let carried: Vec<&Carried> = received.iter().flat_map(|(_, carried)| carried).collect();
    assert_eq!(carried.len(), events.len());
    for (at, (carried, event)) in carried.iter().zip(&events).enumerate() {
        assert_eq!(carried.body, event.encode_to_vec());
        assert_eq!(carried.traceparent.is_some(), at == 0);
    }
    let mut ids: Vec<_> = carried.iter().map(|carried| carried.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "each has an id of its own");
    let (group, alone) = (&received[0].0.headers, &received[1].0.headers);
    assert!(group.get("ce-id").is_none() && group.get(batch::BATCH_ID).is_some());
    assert_eq!(alone.get("ce-id"), alone.get("Nats-Msg-Id"));
}

#[test]
fn a_message_stays_below_what_a_server_takes() {
    let long = "x".repeat(GROUP_BYTES / 3);
    let events: Vec<TrainingFailed> = (0..5).map(|number| event(number, &long)).collect();
    let sizes: Vec<i32> = rows(&events, None).iter().map(|row| row.events).collect();
    assert_eq!(sizes, [2, 2, 1]);
}
