//! What was last seen of each tenant: its champion, and why models should not be trusted. Answers are
//! computed with it, and it is compared with what holds in the transaction that keeps them, so that it
//! may be old and never wrong. Deliberately not refreshed by events, of which each replica hears a part.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use uuid::Uuid;

/// Entries beyond which everything is forgotten and seen anew.
const MANY: usize = 10_000;

/// What was last seen.
#[derive(Debug, Clone, Default)]
pub struct LastSeen(Arc<Mutex<Seen>>);

#[derive(Debug, Default)]
struct Seen {
    champions: HashMap<Uuid, Uuid>,
    /// By tenant and model; only where there is a reason.
    stale: HashMap<(Uuid, Uuid), String>,
}

impl LastSeen {
    pub fn champion(&self, tenant: Uuid) -> Option<Uuid> {
        self.lock().champions.get(&tenant).copied()
    }

    /// Why a model should not be trusted; empty where nothing is known against it.
    pub fn stale_reason(&self, tenant: Uuid, model: Uuid) -> String {
        let seen = self.lock();
        seen.stale
            .get(&(tenant, model))
            .cloned()
            .unwrap_or_default()
    }

    pub fn note_champion(&self, tenant: Uuid, champion: Option<Uuid>) {
        let mut seen = self.lock();
        if seen.champions.len() >= MANY {
            seen.champions.clear();
        }
        match champion {
            Some(champion) => seen.champions.insert(tenant, champion),
            None => seen.champions.remove(&tenant),
        };
    }

    pub fn note_stale(&self, tenant: Uuid, model: Uuid, reason: &str) {
        let mut seen = self.lock();
        if seen.stale.len() >= MANY {
            seen.stale.clear();
        }
        if reason.is_empty() {
            seen.stale.remove(&(tenant, model));
        } else {
            seen.stale.insert((tenant, model), reason.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
