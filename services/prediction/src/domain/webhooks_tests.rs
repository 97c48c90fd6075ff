//! The rules of webhooks by themselves.

use super::*;

fn failed(at: DateTime<Utc>, retry_after: Option<TimeDelta>) -> Attempt {
    Attempt {
        at,
        status: Some(503),
        duration_ms: 1,
        answer: String::new(),
        problem: "no".to_owned(),
        retry_after,
    }
}

#[test]
fn signs_what_others_sign() {
    let mac = |secret: &[u8], text: &str| {
        let mut mac = <Hmac<Sha256>>::new_from_slice(secret).expect("takes any key");
        mac.update(text.as_bytes());
        BASE64_STANDARD.encode(mac.finalize().into_bytes())
    };
    let id = Uuid::from_u128(7);
    let both = signatures(&[vec![1; 32], vec![2; 32]], id, 1_614_265_330, "{}");
    let text = format!("{id}.1614265330.{{}}");
    let expected = format!("v1,{} v1,{}", mac(&[1; 32], &text), mac(&[2; 32], &text));
    assert_eq!(both, expected);
    // RFC 4231, test case 2, so that the function is the one that its name says.
    let known = BASE64_STANDARD.decode("W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    assert_eq!(
        BASE64_STANDARD.decode(mac(b"Jefe", "what do ya want for nothing?")),
        known
    );
}

#[test]
fn attempts_follow_the_schedule_and_the_endpoint() {
    let now = DateTime::from_timestamp(1_800_000_000, 0).expect("is a time");
    let waits: Vec<i64> = (1..=9)
        .filter_map(|tries| next_attempt(tries, &failed(now, None), 0.0))
        .map(|at| (at - now).num_seconds())
        .collect();
    assert_eq!(
        waits,
        [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    );
    assert_eq!(next_attempt(10, &failed(now, None), 0.0), None);
    let late = next_attempt(2, &failed(now, None), 1.0).expect("comes");
    assert_eq!((late - now).num_seconds(), 360);
    let asked = failed(now, Some(TimeDelta::seconds(90)));
    assert_eq!(
        next_attempt(1, &asked, 0.5).map(|at| (at - now).num_seconds()),
        Some(90)
    );
    assert_eq!(asked.held_until(), Some(now + TimeDelta::seconds(90)));
    let much = failed(now, Some(TimeDelta::days(300)));
    assert_eq!(much.held_until(), Some(now + LONGEST_HOLD));
}

#[test]
fn retry_after_is_read_in_both_forms() {
    let now = DateTime::from_timestamp(1_445_412_420, 0).expect("is a time");
    assert_eq!(retry_after("120", now), Some(TimeDelta::seconds(120)));
    assert_eq!(
        retry_after("Wed, 21 Oct 2015 07:28:00 GMT", now),
        Some(TimeDelta::seconds(60))
    );
    assert_eq!(
        retry_after("Tue, 20 Oct 2015 07:28:00 GMT", now),
        Some(TimeDelta::zero())
    );
    assert_eq!(retry_after("soon", now), None);
}

#[test]
fn endpoints_are_judged() {
    let secure = |text: &str| endpoint_url(text, false).map_err(|error| error.to_string());
    assert_eq!(
        secure("https://hooks.example.com/v?x=1").as_deref(),
        Ok("https://hooks.example.com/v?x=1")
    );
    for (bad, word) in [
        ("http://hooks.example.com/", "https://"),
        ("ftp://hooks.example.com/", "https://"),
        ("hooks.example.com", "cannot be read"),
        ("https://ada:secret@hooks.example.com/", "password"),
        ("https://hooks.example.com/#part", "#"),
    ] {
        let refusal = secure(bad).expect_err(bad);
        assert!(refusal.contains(word), "{bad}: {refusal}");
        assert!(!refusal.contains("secret@"), "{refusal}");
    }
    assert!(endpoint_url("http://127.0.0.1:8080/", true).is_ok());
    let types = event_types(&["DriftEnded".to_owned(), PredictionMade::full_name()]);
    assert_eq!(
        types.ok(),
        Some(vec![DriftEnded::full_name(), PredictionMade::full_name()])
    );
    assert!(event_types(&[]).is_err());
    assert!(event_types(&["WebhookTested".to_owned()]).is_err());
    assert!(minimum_change(Some(f64::NAN)).is_err() && minimum_change(Some(1.5)).is_err());
    assert_eq!(minimum_change(Some(0.0)).ok(), Some(None));
    assert!(grace(Some(169)).is_err());
}

#[test]
fn changes_have_the_endpoints_own_threshold() {
    let told = |from: f64, to: f64, crossed: bool| Told {
        id: Uuid::now_v7(),
        event_type: PredictionChanged::full_name(),
        body: PredictionChanged {
            previous_win_probability: from,
            win_probability: to,
            grade_crossed: crossed,
            ..PredictionChanged::default()
        }
        .encode_to_vec()
        .into(),
    };
    let wants = |told: &Told, least| wants(told, least).expect("is readable");
    assert!(wants(&told(0.2, 0.3, false), Some(0.1)));
    assert!(!wants(&told(0.2, 0.28, false), Some(0.1)));
    assert!(wants(&told(0.24, 0.26, true), Some(0.1)));
    assert!(wants(&told(0.2, 0.21, false), None));
}

#[test]
fn ids_are_bounded_by_times() {
    let id = Uuid::now_v7();
    let (seconds, nanos) = id.get_timestamp().expect("has a time").to_unix();
    let at = DateTime::from_timestamp(seconds as i64, nanos).expect("is a time");
    assert!(first_id_at(at) <= id);
    assert!(first_id_at(at + TimeDelta::milliseconds(1)) > id);
}
