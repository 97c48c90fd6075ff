//! Permits that are handed out in turn among tenants: who has one call waiting gets the next free
//! permit but one, however many calls another has. Deliberately no weights and no priorities, and no
//! endless queue: beyond a limit who asks is refused at once.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::oneshot;
use uuid::Uuid;

/// How many may wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Of one tenant.
    pub of_one: usize,
    /// Of all together.
    pub of_all: usize,
}

/// More are waiting than is useful.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// Permits for work, handed out in turn among tenants.
#[derive(Debug, Clone)]
pub struct FairPermits {
    state: Arc<Mutex<State>>,
    room: Room,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: usize,
    queues: HashMap<Uuid, VecDeque<oneshot::Sender<()>>>,
    /// Tenants that have somebody waiting, the next one first.
    turns: VecDeque<Uuid>,
}

impl FairPermits {
    /// So many permits, and so much room to wait for one.
    #[must_use]
    pub fn new(permits: usize, room: Room) -> Self {
        let state = State {
            free: permits,
            waiting: 0,
            queues: HashMap::new(),
            turns: VecDeque::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            room,
        }
    }

    /// Takes a place for a tenant; the order of the places is that of these calls.
    ///
    /// # Errors
    /// [`Full`] where too many wait already.
    pub fn enqueue(&self, tenant: Uuid) -> Result<Ticket, Full> {
        let mut state = self.lock();
        if state.free > 0 {
            state.free -= 1;
            let permit = self.permit();
            return Ok(Ticket(Place::Served(permit)));
        }
        let of_one = state.queues.get(&tenant).map_or(0, VecDeque::len);
        if of_one >= self.room.of_one || state.waiting >= self.room.of_all {
            return Err(Full);
        }
        let (sender, receiver) = oneshot::channel();
        if of_one == 0 {
            state.turns.push_back(tenant);
        }
        state.queues.entry(tenant).or_default().push_back(sender);
        state.waiting += 1;
        Ok(Ticket(Place::Waiting(Waiting {
            permits: self.clone(),
            receiver,
        })))
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// [`Full`] where too many wait already.
    pub async fn acquire(&self, tenant: Uuid) -> Result<Permit, Full> {
        Ok(self.enqueue(tenant)?.wait().await)
    }

    fn permit(&self) -> Permit {
        Permit {
            permits: self.clone(),
        }
    }

    /// Gives a permit to whose turn it is, or keeps it.
    fn release(&self) {
        let mut state = self.lock();
        while let Some(sender) = state.next() {
            // Who went away meanwhile is passed over.
            if sender.send(()).is_ok() {
                return;
            }
        }
        state.free += 1;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn next(&mut self) -> Option<oneshot::Sender<()>> {
        let tenant = self.turns.pop_front()?;
        let queue = self.queues.get_mut(&tenant)?;
        let sender = queue.pop_front();
        if queue.is_empty() {
            self.queues.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        self.waiting -= usize::from(sender.is_some());
        sender
    }
}

/// A place in the queue.
#[derive(Debug)]
pub struct Ticket(Place);

#[derive(Debug)]
enum Place {
    Served(Permit),
    Waiting(Waiting),
}

impl Ticket {
    /// Waits for the permit; a ticket that is dropped meanwhile gives its place away.
    pub async fn wait(self) -> Permit {
        match self.0 {
            Place::Served(permit) => permit,
            Place::Waiting(waiting) => waiting.wait().await,
        }
    }
}

#[derive(Debug)]
struct Waiting {
    permits: FairPermits,
    receiver: oneshot::Receiver<()>,
}

impl Waiting {
    async fn wait(mut self) -> Permit {
        // The sender lives in the queue, which this value keeps.
        let _ = (&mut self.receiver).await;
        self.permits.permit()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.receiver.close();
        // Served in the moment of going away; after `wait` the channel is empty.
        if self.receiver.try_recv().is_ok() {
            self.permits.release();
        }
    }
}

/// The right to work; given back when dropped.
#[derive(Debug)]
pub struct Permit {
    permits: FairPermits,
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.permits.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: Room = Room {
        of_one: 3,
        of_all: 5,
    };
    const A: Uuid = Uuid::from_u128(1);
    const B: Uuid = Uuid::from_u128(2);

    #[tokio::test]
    async fn one_call_does_not_wait_for_all_of_another() {
        let permits = FairPermits::new(1, ROOM);
        let first = permits.acquire(A).await.expect("free");
        let order = Arc::new(Mutex::new(Vec::new()));
        let tickets = [A, A, A, B].map(|who| (who, permits.enqueue(who).expect("room")));
        let waiting = tickets.map(|(who, ticket)| {
            let order = Arc::clone(&order);
            tokio::spawn(async move {
                let permit = ticket.wait().await;
                order.lock().expect("whole").push(who);
                drop(permit);
            })
        });
        drop(first);
        for task in waiting {
            task.await.expect("no panic");
        }
        assert_eq!(*order.lock().expect("whole"), [A, B, A, A]);
    }

    #[tokio::test]
    async fn what_cannot_be_worked_on_soon_is_refused_at_once() {
        let permits = FairPermits::new(1, ROOM);
        let working = permits.acquire(A).await.expect("free");
        let mut waiting: Vec<Ticket> = (0..ROOM.of_one)
            .map(|_| permits.enqueue(A).expect("room"))
            .collect();
        assert_eq!(permits.enqueue(A).err(), Some(Full));
        waiting.push(permits.enqueue(B).expect("room for others"));
        waiting.push(permits.enqueue(B).expect("room for others"));
        assert_eq!(permits.enqueue(Uuid::nil()).err(), Some(Full));
        drop((working, waiting));
    }

    #[tokio::test]
    async fn who_goes_away_loses_no_permit() {
        let permits = FairPermits::new(1, ROOM);
        let working = permits.acquire(A).await.expect("free");
        let gone = permits.enqueue(A).expect("room");
        let served_and_gone = permits.enqueue(B).expect("room");
        let stays = permits.enqueue(A).expect("room");
        drop(gone);
        drop(working);
        // It was this one's turn, and it never came for the permit.
        drop(served_and_gone);
        let permit = stays.wait().await;
        drop(permit);
        assert_eq!(permits.lock().free, 1);
        assert_eq!(permits.lock().waiting, 0);
    }
}
