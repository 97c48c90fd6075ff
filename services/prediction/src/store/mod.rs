//! The SQL of prediction. Deliberately no decisions.

mod aliases;
mod blocks;
mod decided;
mod deliveries;
mod drift;
mod ledger;
mod models;
mod outcomes;
mod policies;
mod predictions;
mod requests;
mod track_record;
mod webhooks;

pub use aliases::{
    ShadowRow, find_alias, find_apart, find_asked, insert_shadow_answer, update_alias,
};
pub use blocks::{BLOCK, PackedBlock, pack};
pub use decided::{
    DecidedRow, delete_dataset_outcomes, insert_told, insert_told_table, list_newly_decided,
    list_undecided, update_dataset_outcomes, update_heard,
};
pub use deliveries::{
    DeliveryFilter, DeliveryRow, DueRow, claim_due, delete_old_deliveries, find_delivery,
    insert_deliveries, insert_delivery, list_deliveries, list_due, replay_deliveries,
    update_delivery,
};
pub use drift::{
    RecentRow, claim_drift, find_drift_report, list_decided_answers, list_recent,
    update_drift_report,
};
pub use ledger::{
    BeforeRow, LedgerFilter, SettingRow, delete_empty_partition, delete_expired, find_befores,
    find_setting, list_ledger, list_retentions, update_setting,
};
pub use models::{
    ModelRow, Standings, find_champion, find_model, find_stale_reason, find_standings,
    insert_model, list_input_schemas, update_champion, update_stale_reason,
};
pub use outcomes::{
    AdviceRow, EarlierRow, EstimateRow, JudgedRow, OutcomeRow, claim_outcomes, find_advice,
    find_estimate, insert_estimates, list_earlier, list_judged, list_outcome_changes,
    list_outcomes, update_advice, update_judged, update_outcomes,
};
pub use policies::{PolicyRow, find_policy, insert_policy};
pub use predictions::{
    KeptRow, PredictionRow, find_frozen, find_prediction, find_predictions, insert_partitions,
    insert_predictions,
};
pub use requests::{RequestRow, claim_requests, find_requests};

pub use track_record::{
    AdviceCountRow, RecordFilter, RecordRow, count_advice, count_unjoined, list_record,
};

pub use webhooks::{
    WebhookRow, claim_webhook, count_webhooks, delete_webhook, find_webhook, insert_webhook,
    list_tenants_with_webhooks, list_wanting, list_webhooks, update_webhook,
};

use crate::Error;

type Result<T> = std::result::Result<T, Error>;
