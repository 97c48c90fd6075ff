//! What ingestion reacts to: its own uploads, whose quotes it stores. Deliberately not the storing,
//! which is a job.

use platform::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
};
use proto::ingestion::DatasetUploaded;

use crate::jobs;

/// The consumer of accepted uploads.
pub fn consumer(kit: &Kit) -> Consumer {
    let kit = kit.clone();
    Consumer::new("ingestion", "ingestion")
        .one_per_replica()
        .on(move |delivery: Delivery, event: DatasetUploaded| {
            let kit = kit.clone();
            async move { Ok::<(), Failure>(jobs::import_dataset(&kit, &delivery, &event).await?) }
        })
}
