//! The calls of operators that auth answers. Deliberately without judgement: the gateway has seen the operator's token, and
//! services may call whatever auth answers them.

use platform::{
    Clock, Kit,
    bus::Bus,
    dead::{self, Filter},
    page::parse_id,
    wire::timestamp,
};
use proto::{
    auth::{self as pb, operator_nats::OperatorService},
    rpc::Context,
};
use tonic::Status;

/// Letters that are listed or settled at once.
const MOST: usize = 1000;
const USUAL: usize = 100;

/// Answers the calls of operators.
#[derive(Debug)]
pub struct OperatorRpc {
    bus: Bus,
    clock: Clock,
}

impl OperatorRpc {
    pub fn new(kit: &Kit) -> Self {
        Self {
            bus: kit.bus.clone(),
            clock: kit.clock.clone(),
        }
    }

    async fn meant(
        &self,
        positions: &[u64],
        wanted: Option<pb::DeadLetterFilter>,
    ) -> Result<Vec<dead::DeadLetter>, Status> {
        if positions.is_empty() {
            let filter = filter(wanted.unwrap_or_default())?;
            if filter == Filter::default() {
                return Err(Status::invalid_argument(
                    "the request says of no dead letter that it is meant: give positions or a filter",
                ));
            }
            return Ok(dead::search(&self.bus, &filter, 0, MOST).await?);
        }
        if positions.len() > MOST {
            return Err(Status::invalid_argument(
                "the request names too many positions: send up to 1000",
            ));
        }
        let mut letters = Vec::with_capacity(positions.len());
        for position in positions {
            letters.push(self.found(*position).await?);
        }
        Ok(letters)
    }

    async fn found(&self, position: u64) -> Result<dead::DeadLetter, Status> {
        let letter = dead::find(&self.bus, position).await?;
        letter.ok_or_else(|| {
            Status::not_found(format!(
                "there is no dead letter {position}: list them to see which there are"
            ))
        })
    }
}

#[async_trait::async_trait]
impl OperatorService for OperatorRpc {
    async fn list_dead_letters(
        &self,
        _: Context,
        request: pb::ListDeadLettersRequest,
    ) -> Result<pb::ListDeadLettersResponse, Status> {
        let limit = match usize::try_from(request.limit).unwrap_or(MOST) {
            0 => USUAL,
            limit => limit.min(MOST),
        };
        let filter = filter(request.filter.unwrap_or_default())?;
        let letters = dead::search(&self.bus, &filter, request.after, limit).await?;
        let state = dead::state(&self.bus).await?;
        Ok(pb::ListDeadLettersResponse {
            dead_letters: letters.into_iter().map(message).collect(),
            count: state.count,
            oldest_buried_at: state.oldest_at.map(timestamp),
        })
    }

    async fn get_dead_letter(
        &self,
        _: Context,
        request: pb::GetDeadLetterRequest,
    ) -> Result<pb::GetDeadLetterResponse, Status> {
        let letter = self.found(request.position).await?;
        let events = letter.events().into_iter().map(event).collect();
        Ok(pb::GetDeadLetterResponse {
            dead_letter: Some(pb::DeadLetter {
                events,
                ..message(letter)
            }),
        })
    }

    async fn replay_dead_letters(
        &self,
        _: Context,
        request: pb::ReplayDeadLettersRequest,
    ) -> Result<pb::ReplayDeadLettersResponse, Status> {
        let letters = self.meant(&request.positions, request.filter).await?;
        for letter in &letters {
            dead::replay(&self.bus, letter, request.to_all, self.clock.now()).await?;
        }
        Ok(pb::ReplayDeadLettersResponse {
            count: letters.len() as u64,
        })
    }

    async fn discard_dead_letters(
        &self,
        _: Context,
        request: pb::DiscardDeadLettersRequest,
    ) -> Result<pb::DiscardDeadLettersResponse, Status> {
        let letters = self.meant(&request.positions, request.filter).await?;
        for letter in &letters {
            dead::discard(&self.bus, letter, self.clock.now()).await?;
        }
        Ok(pb::DiscardDeadLettersResponse {
            count: letters.len() as u64,
        })
    }
}

fn filter(wanted: pb::DeadLetterFilter) -> Result<Filter, Status> {
    let given = |text: String| Some(text).filter(|text| !text.is_empty());
    let tenant = given(wanted.organization_id);
    let tenant = tenant.map(|id| parse_id("organization_id", &id));
    Ok(Filter {
        consumer: given(wanted.consumer),
        event: given(wanted.event_type),
        tenant: tenant.transpose()?,
        reason: given(wanted.reason),
    })
}

fn message(letter: dead::DeadLetter) -> pb::DeadLetter {
    pb::DeadLetter {
        position: letter.position,
        buried_at: Some(timestamp(letter.buried_at)),
        consumer: letter.consumer,
        event_type: letter.event_type,
        organization_id: letter.tenant.map(|id| id.to_string()).unwrap_or_default(),
        subject: letter.subject,
        attempts: letter.attempts,
        reason: letter.reason,
        headers: letter.headers.into_iter().collect(),
        events: Vec::new(),
    }
}

fn event(shown: dead::Shown) -> pb::DeadEvent {
    let (json, problem) = match shown.event {
        Ok(json) => (json.to_string(), String::new()),
        Err(problem) => (String::new(), problem),
    };
    pb::DeadEvent {
        id: shown.id.map(|id| id.to_string()).unwrap_or_default(),
        json,
        problem,
    }
}
