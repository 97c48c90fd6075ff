//! How long an ended session is still served: from the request to end it until each of two gateways, which know the token and
//! are asked without a pause, refuses it. Deliberately by a method of another service than auth, so that the gateway's
//! memory is what answers.

use std::time::Instant;

use proto::ingestion::ListDatasetsRequest;
use serde::Serialize;
use tokio::sync::watch;
use tonic::Code;

use super::signing::{Person, milliseconds};
use crate::{
    args::Secret,
    bench::figures::median,
    client::{Connection, auth},
    error::{Error, Result},
};

/// Answers that a gateway has to have given before the session is ended.
const SERVED_BEFORE: u64 = 5;

/// How long ended sessions were still served.
#[derive(Debug, Serialize)]
pub struct Revocation {
    /// Sessions that were ended.
    pub sessions: usize,
    /// Gateways that knew each of them.
    pub gateways: usize,
    /// Median, over sessions and gateways, in milliseconds.
    pub p50_ms: f64,
    /// The longest.
    pub max_ms: f64,
}

/// Ends so many sessions.
///
/// # Errors
/// Where a call is refused for another reason.
pub async fn measure(gateways: &[Connection], person: &Person, count: usize) -> Result<Revocation> {
    let password = Secret::verbatim(&person.password);
    let mut delays = Vec::new();
    for _ in 0..count {
        let first = gateways
            .first()
            .ok_or_else(|| Error::Failed("no gateway".to_owned()))?;
        let signed = auth::sign_in(first, &person.email, &password, "").await?;
        let (mut asking, mut served) = (Vec::new(), Vec::new());
        for gateway in gateways {
            let (answered, answers) = watch::channel(0_u64);
            served.push(answers);
            let connection = gateway.with_token(&signed.token)?;
            asking.push(tokio::spawn(until_refused(connection, answered)));
        }
        for answers in &mut served {
            let enough = answers.wait_for(|count| *count >= SERVED_BEFORE).await;
            enough
                .map_err(|_| Error::Failed("a gateway refused a session too early".to_owned()))?;
        }
        let ended = Instant::now();
        auth::sign_out(&first.with_token(&signed.token)?).await?;
        for asker in asking {
            let refused = asker
                .await
                .map_err(|error| Error::Failed(error.to_string()))??;
            delays.push(milliseconds(refused.saturating_duration_since(ended)));
        }
    }
    Ok(Revocation {
        sessions: count,
        gateways: gateways.len(),
        p50_ms: median(delays.clone()),
        max_ms: delays.into_iter().fold(0.0, f64::max),
    })
}

/// Asks until the session is refused; answers when that was.
async fn until_refused(connection: Connection, answered: watch::Sender<u64>) -> Result<Instant> {
    let mut client = connection.ingestion();
    loop {
        let request = connection.request(ListDatasetsRequest::default());
        match client.list_datasets(request).await {
            Ok(_) => answered.send_modify(|count| *count += 1),
            Err(status) if status.code() == Code::Unauthenticated => return Ok(Instant::now()),
            Err(status) => return Err(status.into()),
        }
    }
}
