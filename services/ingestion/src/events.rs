//! What ingestion reacts to: its own uploads, whose quotes it stores, and imports to be taken back.
//! Deliberately not the work, which are jobs.

use platform::{
    Kit,
    consumer::{Consumer, Delivery, Failure},
};
use proto::ingestion::{DatasetUploaded, ImportUndoRequested};

use crate::jobs;

/// The consumer of accepted uploads and unwanted imports.
pub fn consumer(kit: &Kit) -> Consumer {
    let (uploaded, undo) = (kit.clone(), kit.clone());
    Consumer::new("ingestion", "ingestion")
        .one_per_replica()
        .on(move |delivery: Delivery, event: DatasetUploaded| {
            let kit = uploaded.clone();
            async move { Ok::<(), Failure>(jobs::import_dataset(&kit, &delivery, &event).await?) }
        })
        .on(move |delivery: Delivery, event: ImportUndoRequested| {
            let kit = undo.clone();
            async move { Ok::<(), Failure>(jobs::undo_import(&kit, &delivery, &event).await?) }
        })
}
