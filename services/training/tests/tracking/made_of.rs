//! What is kept of a training: what it learned from, by whom, with what, at which cost.

use prost::Message as _;
use sha2::{Digest as _, Sha256};
use testkit::TestResult;
use uuid::Uuid;

use crate::{
    quotes::{Columns, snapshot},
    world::tenant,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_model_tells_what_it_was_made_of_and_every_step_is_audited() -> TestResult {
    let (tenant, replica) = tenant().await?;
    let (dataset, snapshot) = (Uuid::now_v7(), snapshot(0..300, Columns::Both));
    tenant.import(dataset, &snapshot).await?;
    let model = tenant.trained(dataset).await?;

    let caller = tenant.context.caller()?;
    assert_eq!(model.created_by, caller.user_id.to_string());
    assert_eq!((model.reason.as_str(), model.seed), ("a test", 0));
    let data = model.data.clone().unwrap_or_default();
    assert_eq!((data.row_count, data.column_count), (300, 2));
    assert_eq!(
        data.sha256,
        Sha256::digest(snapshot.encode_to_vec()).to_vec()
    );
    assert_eq!(
        (data.first_day, data.last_day),
        (Some(19_000), Some(19_037))
    );
    let features: Vec<_> = model
        .features
        .iter()
        .map(|f| (f.name.as_str(), f.kind.as_str(), f.role.as_str()))
        .collect();
    assert_eq!(
        features,
        [
            ("Price", "number", "price"),
            ("Region", "category", "feature")
        ]
    );
    for name in ["valutai", "ml", "ndarray", "artefact format"] {
        assert!(model.versions.contains_key(name), "{name}");
    }
    let cost = model.resources.unwrap_or_default();
    assert!(
        cost.wall_seconds > 0.0 && cost.cpu_seconds > Some(0.0),
        "{cost:?}"
    );
    assert!(cost.peak_memory_bytes > Some(0), "{cost:?}");
    assert_eq!(model.attempts, 1);
    let times = [model.created_at, model.started_at, model.finished_at];
    let times = times.map(|at| at.map(|at| (at.seconds, at.nanos)));
    assert!(times.is_sorted() && times[0].is_some(), "{times:?}");
    assert_eq!(model.aliases, ["champion"]);
    assert_eq!(model.promotion_reason, "first model");
    assert!(model.gate.is_none(), "there was nothing to compare with");

    // The columns that people query by.
    let query = "SELECT count(*) FROM training.model WHERE id = $1 AND data_row_count = 300
        AND data_column_count = 2 AND octet_length(data_sha256) = 32
        AND features->0->>'name' = 'Price' AND importances->0->>'column' = 'Price'
        AND versions ? 'ml' AND parameters <> '{}' AND cpu_seconds > 0";
    assert_eq!(tenant.count(query, Uuid::try_parse(&model.id)?).await?, 1);

    let audited = tenant.audited(&model.id, "training.promote_model").await?;
    let expected = [
        "train_model",
        "start_training",
        "model_ready",
        "promote_model",
    ];
    assert_eq!(audited, expected.map(|action| format!("training.{action}")));
    tenant.stop([replica]).await
}
