//! Reports that are shared. Deliberately by the program itself, as people do it.

mod leaving;
mod links;
mod schedules;
mod smtp;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::TimeDelta;
use platform::Clock;
use proto::auth::{ListAuditEntriesRequest, Outcome};
use testkit::TestResult;

use crate::support::Person;

/// The time, which a test puts forward.
#[derive(Debug, Clone, Default)]
pub struct Time(Arc<AtomicI64>);

impl Time {
    /// The clock of services.
    pub fn clock(&self) -> Clock {
        let (ahead, system) = (Arc::clone(&self.0), Clock::system());
        Clock::reading(move || system.now() + TimeDelta::seconds(ahead.load(Ordering::SeqCst)))
    }

    /// Lets time go by.
    pub fn pass(&self, time: TimeDelta) {
        self.0.fetch_add(time.num_seconds(), Ordering::SeqCst);
    }
}

/// How often an action ended in a way, by the trail of somebody's organisation.
pub async fn audited(owner: &Person, action: &str, outcome: Outcome) -> TestResult<usize> {
    let request = ListAuditEntriesRequest {
        page_size: 200,
        ..ListAuditEntriesRequest::default()
    };
    let mut auth = owner.connection.auth();
    let entries = auth.list_audit_entries(request).await?.into_inner().entries;
    let of = entries
        .iter()
        .filter(|entry| entry.action == action && entry.outcome() == outcome);
    Ok(of.count())
}
