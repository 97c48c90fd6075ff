//! Reports that are shared. Deliberately by the program itself, as people do it.

mod links;

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use chrono::TimeDelta;
use platform::Clock;

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
