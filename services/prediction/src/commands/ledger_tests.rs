//! How groups gather and take turns, without a database.

use super::*;

const A: Uuid = Uuid::from_u128(1);
const B: Uuid = Uuid::from_u128(2);

fn entry(key: Option<&str>) -> (Entry, Reply) {
    let entry = Entry {
        context: Context::default(),
        span: Span::none(),
        traceparent: None,
        model_id: Uuid::nil(),
        as_champion: true,
        policy_version: 1,
        stale_reason: String::new(),
        once: key.map(|key| Once {
            key: key.to_owned(),
            request_hash: vec![1],
        }),
        rows: Vec::new(),
        news: Vec::new(),
    };
    (entry, oneshot::channel().0)
}

#[test]
fn what_comes_while_a_group_is_written_is_the_next_group() {
    let mut state = State::default();
    state.add(A, entry(None));
    assert_eq!(state.take().expect("a group").1.len(), 1);
    for _ in 0..3 {
        state.add(A, entry(None));
    }
    assert!(
        state.take().is_none(),
        "one transaction of a tenant at a time"
    );
    state.add(B, entry(None));
    assert_eq!(state.take().expect("the other's turn").0, B);
    state.done(A);
    let (tenant, group) = state.take().expect("a group");
    assert_eq!((tenant, group.len()), (A, 3));
    state.done(A);
    state.done(B);
    assert!(state.take().is_none());
    assert!(state.waiting.is_empty() && state.turns.is_empty());
}

#[test]
fn two_calls_with_one_key_are_never_in_one_group() {
    let mut state = State::default();
    for key in [Some("k"), None, Some("l"), Some("k")] {
        state.add(A, entry(key));
    }
    assert_eq!(state.take().expect("a group").1.len(), 3);
    state.done(A);
    assert_eq!(state.take().expect("a group").1.len(), 1);
}

#[test]
fn an_answer_of_another_time_is_not_kept() {
    let standings = |champion: u128, policy_version, stale: &str| {
        let stale = [(Uuid::nil(), stale.to_owned())].into();
        Standings {
            champion: Some(Uuid::from_u128(champion)),
            policy_version,
            stale,
        }
    };
    let (asked, _) = entry(None);
    let kept = |standings: &Standings| check(&asked, standings);
    assert!(matches!(kept(&standings(0, 1, "")), Ok(Kept::Now)));
    for changed in [
        standings(7, 1, ""),
        standings(0, 2, ""),
        standings(0, 1, "was taken back"),
    ] {
        assert!(matches!(kept(&changed), Ok(Kept::Outdated(_))));
    }
    let gone = Standings::default();
    assert!(matches!(kept(&gone), Err(Error::NoModel(_))));
}

#[test]
fn a_key_serves_one_request_only() {
    let once = entry(Some("k")).0.once.expect("a key");
    let known = |request_hash: &[u8]| RequestRow {
        key: "k".to_owned(),
        request_hash: request_hash.to_vec(),
        prediction_ids: vec![A],
    };
    assert_eq!(before_this(&once, &known(&[1])).expect("the same"), [A]);
    assert!(matches!(
        before_this(&once, &known(&[2])),
        Err(Error::KeyReused)
    ));
}

#[test]
fn a_group_waits_for_calls_that_are_being_computed() {
    let mut state = State::default();
    state.announce(A);
    state.announce(A);
    assert!(state.add(A, entry(None)), "it is the first");
    assert!(!state.came(A));
    assert!(state.take().is_none(), "the other is still coming");
    assert!(!state.add(A, entry(None)));
    assert!(state.came(A), "it was the last");
    assert_eq!(state.take().expect("a group").1.len(), 2);
}

#[test]
fn a_group_waits_for_as_many_as_came_before_and_not_for_ever() {
    let mut state = State::default();
    for _ in 0..3 {
        state.add(A, entry(None));
    }
    assert_eq!(state.take().expect("a group").1.len(), 3);
    state.done(A);
    state.add(A, entry(None));
    assert!(state.take().is_none(), "two more may come again");
    state.gathered(A);
    assert_eq!(state.take().expect("a group").1.len(), 1);
    state.done(A);
    state.add(A, entry(None));
    assert_eq!(
        state.take().expect("who is alone waits for nobody").1.len(),
        1
    );
}
