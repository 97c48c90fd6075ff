//! How entries gather into groups and tenants take turns. Deliberately without a database and without time.

use std::collections::{HashMap, HashSet, VecDeque};

use uuid::Uuid;

use super::{Entry, GROUP_ROWS, Reply, WRITERS};

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) waiting: HashMap<Uuid, Queue>,
    /// Calls that are being computed and will have something to write.
    coming: HashMap<Uuid, usize>,
    /// Calls of the last group, where that was more than one.
    last: HashMap<Uuid, usize>,
    /// Tenants that have something waiting and nothing being written, the next one first.
    pub(super) turns: VecDeque<Uuid>,
    /// Tenants whose group is being written.
    writing: HashSet<Uuid>,
}

/// What waits of a tenant.
#[derive(Debug, Default)]
pub(super) struct Queue {
    entries: VecDeque<(Entry, Reply)>,
    rows: usize,
    /// Whether it has waited for others long enough.
    gathered: bool,
}

impl State {
    /// Takes an entry in; true where nothing else waits.
    pub(super) fn add(&mut self, tenant: Uuid, entry: (Entry, Reply)) -> bool {
        let queue = self.waiting.entry(tenant).or_default();
        queue.rows += entry.0.rows.len();
        queue.entries.push_back(entry);
        let is_first = queue.entries.len() == 1;
        if is_first && !self.writing.contains(&tenant) {
            self.turns.push_back(tenant);
        }
        is_first
    }

    /// Notes that a call is being computed.
    pub(super) fn announce(&mut self, tenant: Uuid) {
        *self.coming.entry(tenant).or_default() += 1;
    }

    /// Notes that a call is not coming any more, since it is here or failed; true where it was the last.
    pub(super) fn came(&mut self, tenant: Uuid) -> bool {
        let Some(coming) = self.coming.get_mut(&tenant) else {
            return true;
        };
        *coming -= 1;
        if *coming > 0 {
            return false;
        }
        self.coming.remove(&tenant);
        true
    }

    /// Notes that a tenant's queue has waited long enough.
    pub(super) fn gathered(&mut self, tenant: Uuid) {
        if let Some(queue) = self.waiting.get_mut(&tenant) {
            queue.gathered = true;
        }
    }

    /// Whether a tenant's group need not become larger.
    fn is_ready(&self, tenant: Uuid) -> bool {
        let Some(queue) = self.waiting.get(&tenant) else {
            return true;
        };
        let last = self.last.get(&tenant).copied().unwrap_or(1);
        let all_are_here = !self.coming.contains_key(&tenant) && queue.entries.len() >= last;
        all_are_here || queue.gathered || queue.rows >= GROUP_ROWS
    }

    /// The next group, where there is one and somebody to write it.
    pub(super) fn take(&mut self) -> Option<(Uuid, Vec<(Entry, Reply)>)> {
        if self.writing.len() >= WRITERS {
            return None;
        }
        let at = self
            .turns
            .iter()
            .position(|tenant| self.is_ready(*tenant))?;
        let tenant = self.turns.remove(at)?;
        let queue = self.waiting.get_mut(&tenant)?;
        let (mut group, mut rows) = (Vec::new(), 0);
        let mut keys = HashSet::new();
        while let Some((entry, _)) = queue.entries.front() {
            // The second of two calls with one key has to see what became of the first.
            let is_new = entry
                .once
                .as_ref()
                .is_none_or(|once| keys.insert(once.key.clone()));
            if rows >= GROUP_ROWS || !is_new {
                break;
            }
            rows += entry.rows.len();
            group.extend(queue.entries.pop_front());
        }
        queue.rows -= rows;
        match group.len() {
            // Nobody is expected where one came alone.
            0 | 1 => self.last.remove(&tenant),
            more => self.last.insert(tenant, more),
        };
        if queue.entries.is_empty() {
            self.waiting.remove(&tenant);
        } else {
            // What is left has waited for the others already.
            queue.gathered = true;
        }
        self.writing.insert(tenant);
        Some((tenant, group))
    }

    pub(super) fn done(&mut self, tenant: Uuid) {
        self.writing.remove(&tenant);
        if self.waiting.contains_key(&tenant) {
            self.turns.push_back(tenant);
        }
    }
}
