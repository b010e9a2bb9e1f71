//! Jobs that are taken from the workers who hold them: cancelled, ended by somebody else, claimed by another worker. One look at the
//! database a second serves all jobs that this process works on; what happens in this process is seen at once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sea_orm::{
    ColumnTrait as _, DatabaseConnection, EntityTrait as _, QueryFilter as _, QuerySelect as _,
};
use tokio::sync::{Notify, oneshot};

use crate::entity::job;
use crate::error::{During as _, Error};
use crate::images::padded;
use crate::job::Lease;
use crate::open::Store;

/// How often to look for what other processes did.
const PERIOD: Duration = Duration::from_secs(1);

/// Numbers per statement.
const CHUNK: usize = 256;

/// The leases that somebody wants to be told the loss of.
#[derive(Default)]
pub(crate) struct Watched {
    leases: Mutex<HashMap<u64, Watch>>,
    look: Notify,
}

struct Watch {
    lease: Lease,
    lost: Option<oneshot::Sender<()>>,
}

impl Watched {
    /// A lease may be lost: look at once.
    pub(crate) fn look(&self) {
        self.look.notify_one();
    }

    fn leases(&self) -> MutexGuard<'_, HashMap<u64, Watch>> {
        self.leases.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, lease: &Lease) -> Watching {
        let (lost, told) = oneshot::channel();
        let mut leases = self.leases();
        let number = leases.keys().max().map_or(0, |last| last + 1);
        let lease = lease.clone();
        let lost = Some(lost);
        leases.insert(number, Watch { lease, lost });
        drop(leases);
        // It may have been lost before.
        self.look();
        Watching {
            watched: Arc::clone(self),
            number,
            told,
        }
    }

    fn now(&self) -> Vec<(u64, Lease)> {
        let leases = self.leases();
        let leases = leases.iter();
        leases
            .map(|(number, watch)| (*number, watch.lease.clone()))
            .collect()
    }

    /// Says that the lease of this number is lost. Who went away meanwhile need not know.
    fn tell(&self, number: u64) {
        let mut leases = self.leases();
        if let Some(lost) = leases.get_mut(&number).and_then(|watch| watch.lost.take()) {
            let _ = lost.send(());
        }
    }
}

/// A lease that is watched for as long as this lives.
struct Watching {
    watched: Arc<Watched>,
    number: u64,
    told: oneshot::Receiver<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.watched.leases().remove(&self.number);
    }
}

impl Store {
    /// Completes once the job is taken from the holder of the lease, and says how: at once when that happens in this process, within some
    /// two seconds when it happens in another one. A lease that runs out while nobody claims the job is not noticed.
    pub async fn lost(&self, lease: &Lease) -> Error {
        let mut watching = self.0.context.watched.begin(lease);
        if (&mut watching.told).await.is_err() {
            return Error::Closed;
        }
        let request_id = lease.request_id;
        match self.request(request_id).await {
            Ok(Some(view)) if view.state.is_final() => Error::Final {
                request_id,
                state: view.state,
            },
            Ok(_) | Err(_) => Error::LeaseLost { request_id },
        }
    }
}

/// Looks after the leases, for as long as it is polled.
pub(crate) async fn look_after(watched: Arc<Watched>, connection: DatabaseConnection) {
    loop {
        // Those that come later may be on jobs that were claimed after the look.
        let leases = watched.now();
        if leases.is_empty() {
            watched.look.notified().await;
            continue;
        }
        match held(&connection, &leases).await {
            Ok(held) => {
                let lost = leases.iter().filter(|(_, lease)| !is_held(lease, &held));
                lost.for_each(|(number, _)| watched.tell(*number));
            }
            // Whoever holds a lease finds out when it cannot be renewed.
            Err(error) => tracing::debug!(%error, "the leases could not be looked at"),
        }
        drop(tokio::time::timeout(PERIOD, watched.look.notified()).await);
    }
}

/// Fence and owner of jobs, by request.
type Held = HashMap<i64, (i64, Option<String>)>;

fn is_held(lease: &Lease, held: &Held) -> bool {
    held.get(&lease.request_id).is_some_and(|(fence, owner)| {
        *fence == lease.fence && owner.as_deref() == Some(lease.worker.as_str())
    })
}

/// Who holds the jobs that the leases are on.
async fn held(connection: &DatabaseConnection, leases: &[(u64, Lease)]) -> Result<Held, Error> {
    let mut ids: Vec<i64> = leases.iter().map(|(_, lease)| lease.request_id).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut held = HashMap::new();
    for chunk in ids.chunks(CHUNK) {
        let rows: Vec<(i64, i64, Option<String>)> = job::Entity::find()
            .select_only()
            .columns([
                job::Column::RequestId,
                job::Column::Fence,
                job::Column::LeaseOwner,
            ])
            .filter(job::Column::RequestId.is_in(padded(chunk)))
            .into_tuple()
            .all(connection)
            .await
            .during("looking after leases")?;
        held.extend(
            rows.into_iter()
                .map(|(id, fence, owner)| (id, (fence, owner))),
        );
    }
    Ok(held)
}
