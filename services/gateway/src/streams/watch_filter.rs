//! What a watcher wants to see of a tenant's prediction events. Deliberately judged here and not by the server of the events:
//! a subject says whose event it is and of which kind, and nothing else.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use platform::rpc::NatsTransport;
use prost::{Message, Name};
use proto::{
    auth::Role,
    prediction::{
        DriftDetected, DriftEnded, Grade, ModelPromoted, OutcomeRecorded, PredictionChanged,
        PredictionMade, WatchKind, WatchPredictionsRequest, WatchPredictionsResponse,
    },
    rpc::Context,
    training::{GetModelRequest, training_nats},
};
use tonic::{Code, Status};

/// Most names of quotes or models of one filter.
const NAMES_MAX: usize = 100;
/// Models whose dataset is remembered.
const MODELS_KEPT: usize = 10_000;

/// What a watcher wants.
#[derive(Debug)]
pub struct Filter {
    kinds: HashSet<WatchKind>,
    quotes: HashSet<String>,
    models: HashSet<String>,
    dataset: String,
    grades: HashSet<Grade>,
    minimum_change: f64,
    /// Datasets by model, as training told them.
    datasets: HashMap<String, String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Happening {
    Made(PredictionMade),
    Changed(PredictionChanged),
    Outcome(OutcomeRecorded),
    Drift(DriftDetected),
    DriftEnded(DriftEnded),
    Promoted(ModelPromoted),
}

impl Happening {
    /// Reads an event by its type; `None` for one that nobody watches.
    pub fn read(event_type: &str, body: Bytes) -> Result<Option<Self>, prost::DecodeError> {
        fn of<E: Message + Name + Default>(
            event_type: &str,
            body: &Bytes,
        ) -> Option<Result<E, prost::DecodeError>> {
            (event_type == E::full_name()).then(|| E::decode(body.clone()))
        }
        let read = of(event_type, &body).map(|event| event.map(Self::Made));
        let read = read.or_else(|| of(event_type, &body).map(|event| event.map(Self::Changed)));
        let read = read.or_else(|| of(event_type, &body).map(|event| event.map(Self::Outcome)));
        let read = read.or_else(|| of(event_type, &body).map(|event| event.map(Self::Drift)));
        let read = read.or_else(|| of(event_type, &body).map(|event| event.map(Self::DriftEnded)));
        let read = read.or_else(|| of(event_type, &body).map(|event| event.map(Self::Promoted)));
        read.transpose()
    }

    /// The message that tells it.
    pub fn into_response(self, cursor: String) -> WatchPredictionsResponse {
        let mut response = WatchPredictionsResponse {
            cursor,
            ..WatchPredictionsResponse::default()
        };
        match self {
            Self::Made(event) => response.event = Some(event),
            Self::Changed(event) => response.changed = Some(event),
            Self::Outcome(event) => response.outcome = Some(event),
            Self::Drift(event) => response.drift = Some(event),
            Self::DriftEnded(event) => response.drift_ended = Some(event),
            Self::Promoted(event) => response.promoted = Some(event),
        }
        response
    }

    fn quote_ref(&self) -> Option<&str> {
        match self {
            Self::Made(event) => Some(&event.quote_ref),
            Self::Changed(event) => Some(&event.quote_ref),
            Self::Outcome(event) => Some(&event.quote_ref),
            Self::Drift(_) | Self::DriftEnded(_) | Self::Promoted(_) => None,
        }
    }

    fn model_id(&self) -> &str {
        match self {
            Self::Made(event) => &event.model_id,
            Self::Changed(event) => &event.model_id,
            Self::Outcome(event) => &event.model_id,
            Self::Drift(event) => &event.model_id,
            Self::DriftEnded(event) => &event.model_id,
            Self::Promoted(event) => &event.model_id,
        }
    }

    fn probability(&self) -> Option<f64> {
        match self {
            Self::Made(event) => Some(event.win_probability),
            Self::Changed(event) => Some(event.win_probability),
            Self::Outcome(_) | Self::Drift(_) | Self::DriftEnded(_) | Self::Promoted(_) => None,
        }
    }
}

/// The grade of a probability, as the contract defines it.
fn grade(probability: f64) -> Grade {
    match probability {
        p if p >= 0.75 => Grade::A,
        p if p >= 0.5 => Grade::B,
        p if p >= 0.25 => Grade::C,
        _ => Grade::D,
    }
}

impl Filter {
    /// Reads what a watcher asks for.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence.
    pub fn new(request: &WatchPredictionsRequest) -> Result<Self, Status> {
        for (what, names) in [
            ("quote_refs", &request.quote_refs),
            ("model_ids", &request.model_ids),
        ] {
            if names.len() > NAMES_MAX {
                return Err(Status::invalid_argument(format!(
                    "{what} has {} names: send at most {NAMES_MAX}, or watch all and choose yourself",
                    names.len()
                )));
            }
        }
        let minimum_change = request.minimum_change.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&minimum_change) {
            return Err(Status::invalid_argument(
                "minimum_change is a difference of probabilities: send 0 to 1, such as 0.1 for ten points",
            ));
        }
        let mut kinds: HashSet<WatchKind> = request
            .kinds()
            .filter(|kind| *kind != WatchKind::Unspecified)
            .collect();
        if kinds.is_empty() {
            // Who asks for a smallest change wants to hear of changes.
            kinds.insert(match request.minimum_change {
                Some(_) => WatchKind::Changed,
                None => WatchKind::Made,
            });
        }
        Ok(Self {
            kinds,
            quotes: request.quote_refs.iter().cloned().collect(),
            models: request.model_ids.iter().cloned().collect(),
            dataset: request.dataset_id.clone(),
            grades: request
                .grades()
                .filter(|grade| *grade != Grade::Unspecified)
                .collect(),
            minimum_change,
            datasets: HashMap::new(),
        })
    }

    /// Full names of the events that are wanted.
    pub fn events(&self) -> Vec<String> {
        let of = |kind: WatchKind| match kind {
            WatchKind::Unspecified => vec![],
            WatchKind::Made => vec![PredictionMade::full_name()],
            WatchKind::Changed => vec![PredictionChanged::full_name()],
            WatchKind::Outcome => vec![OutcomeRecorded::full_name()],
            WatchKind::Drift => vec![DriftDetected::full_name(), DriftEnded::full_name()],
            WatchKind::Promoted => vec![ModelPromoted::full_name()],
        };
        let mut names: Vec<String> = self.kinds.iter().flat_map(|kind| of(*kind)).collect();
        names.sort();
        names
    }

    /// Whether the watcher wants to see this.
    ///
    /// # Errors
    /// Where training has to be asked which dataset a model is of, and cannot be.
    pub async fn passes(
        &mut self,
        transport: &NatsTransport,
        context: &Context,
        happening: &Happening,
    ) -> Result<bool, Status> {
        Ok(self.wants(happening) && self.is_of_dataset(transport, context, happening).await?)
    }

    fn wants(&self, happening: &Happening) -> bool {
        let quote = happening.quote_ref();
        let quote = self.quotes.is_empty() || quote.is_some_and(|name| self.quotes.contains(name));
        let model = self.models.is_empty() || self.models.contains(happening.model_id());
        let probability = happening.probability();
        let grade =
            self.grades.is_empty() || probability.is_none_or(|p| self.grades.contains(&grade(p)));
        let change = match happening {
            Happening::Changed(of) => {
                let change = (of.win_probability - of.previous_win_probability).abs();
                of.grade_crossed || change >= self.minimum_change - 1e-9
            }
            _ => true,
        };
        quote && model && grade && change
    }

    async fn is_of_dataset(
        &mut self,
        transport: &NatsTransport,
        context: &Context,
        happening: &Happening,
    ) -> Result<bool, Status> {
        if self.dataset.is_empty() {
            return Ok(true);
        }
        let id = happening.model_id();
        if id.is_empty() {
            return Ok(false);
        }
        if let Some(dataset) = self.datasets.get(id) {
            return Ok(*dataset == self.dataset);
        }
        let request = GetModelRequest { id: id.to_owned() };
        // The deadline was that of the call, and this may be hours later. Asked for the watch and not for the caller, who may be
        // a viewer and read no models: all that reaches them is whether an event of theirs is of the dataset that they named.
        let mut context = Context {
            deadline: None,
            ..context.clone()
        };
        if let Some(caller) = &mut context.caller {
            caller.role = Role::Analyst;
        }
        let answer = training_nats::Client(transport.clone())
            .get_model(&context, request)
            .await;
        let dataset = match answer {
            Ok(answer) => answer.model.unwrap_or_default().dataset_id,
            Err(status) if status.code() == Code::NotFound => String::new(),
            Err(status) => return Err(status),
        };
        if self.datasets.len() >= MODELS_KEPT {
            self.datasets.clear();
        }
        self.datasets.insert(id.to_owned(), dataset.clone());
        Ok(dataset == self.dataset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(quote: &str, model: &str, p: f64) -> Happening {
        Happening::Made(PredictionMade {
            quote_ref: quote.to_owned(),
            model_id: model.to_owned(),
            win_probability: p,
            ..PredictionMade::default()
        })
    }

    fn changed(from: f64, to: f64, grade_crossed: bool) -> Happening {
        Happening::Changed(PredictionChanged {
            win_probability: to,
            previous_win_probability: from,
            grade_crossed,
            ..PredictionChanged::default()
        })
    }

    #[test]
    fn each_filter_narrows() {
        let filter = |request: WatchPredictionsRequest| Filter::new(&request).expect("valid");
        let all = filter(WatchPredictionsRequest::default());
        assert!(all.wants(&made("a", "m", 0.1)));
        assert_eq!(all.events(), [PredictionMade::full_name()]);
        let quotes = filter(WatchPredictionsRequest {
            quote_refs: vec!["a".to_owned()],
            model_ids: vec!["m".to_owned()],
            grades: vec![Grade::A as i32, Grade::B as i32],
            ..WatchPredictionsRequest::default()
        });
        assert!(quotes.wants(&made("a", "m", 0.5)));
        for other in [
            made("b", "m", 0.5),
            made("a", "n", 0.5),
            made("a", "m", 0.49),
        ] {
            assert!(!quotes.wants(&other), "{other:?}");
        }
        assert!(!quotes.wants(&Happening::Drift(DriftDetected::default())));
        let ten = filter(WatchPredictionsRequest {
            minimum_change: Some(0.1),
            ..WatchPredictionsRequest::default()
        });
        assert_eq!(ten.events(), [PredictionChanged::full_name()]);
        assert!(ten.wants(&changed(0.4, 0.3, false)));
        assert!(!ten.wants(&changed(0.4, 0.31, false)));
        assert!(
            ten.wants(&changed(0.49, 0.51, true)),
            "a grade is news whatever the change"
        );
    }

    #[test]
    fn nonsense_is_refused() {
        let refused = |request: WatchPredictionsRequest| Filter::new(&request).is_err();
        assert!(refused(WatchPredictionsRequest {
            minimum_change: Some(10.0),
            ..WatchPredictionsRequest::default()
        }));
        assert!(refused(WatchPredictionsRequest {
            quote_refs: vec!["a".to_owned(); 101],
            ..WatchPredictionsRequest::default()
        }));
    }

    #[test]
    fn events_are_read_by_their_type() {
        let event = OutcomeRecorded {
            quote_ref: "a".to_owned(),
            ..OutcomeRecorded::default()
        };
        let body = Bytes::from(event.encode_to_vec());
        let read = Happening::read(&OutcomeRecorded::full_name(), body.clone());
        assert_eq!(read, Ok(Some(Happening::Outcome(event))));
        assert_eq!(
            Happening::read("valutai.auth.v1.SessionRevoked", body),
            Ok(None)
        );
    }
}
