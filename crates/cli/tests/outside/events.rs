//! What comes by a credential and by a watch: the whole product at work, in the order of one stream.

use prost::Message as _;
use proto::{
    auth::issue_stream_credential_request::Start,
    prediction::{ModelPromoted, PredictionMade, WatchKind, WatchPredictionsRequest},
};
use testkit::TestResult;
use valutai::{
    client::{predict, watch},
    server::stack::SERVICES,
};

use crate::{
    client::Client,
    support::{history, import, train},
    walled::{STREAM, Walled, issue},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_stands_between_the_predictions_of_two_models() -> TestResult {
    let walled = Walled::of(&SERVICES).await?;
    let own = walled.tenant("own").await?;
    let dataset = import(&own.owner, &history(120, 3)?).await?.id;
    let model = train(&own.owner, &dataset).await?.id;
    let fields = [("price".to_owned(), "1000".to_owned())];
    predict::predict(&own.owner.connection, "", predict::quote("q", fields)).await?;
    let mut client = Client::connect(&own.issued.url)?;
    let read = client.read(STREAM, &own.issued.consumer, 2)?;
    let promoted = ModelPromoted::decode(read[0].body.as_slice())?;
    assert!(
        read[0].subject.ends_with(".prediction.v1.ModelPromoted"),
        "{:?}",
        read[0]
    );
    assert_eq!(
        (
            promoted.model_id.as_str(),
            promoted.previous_model_id.as_str()
        ),
        (model.as_str(), "")
    );
    assert!(
        read[1]
            .head
            .contains("ce-type: valutai.prediction.v1.PredictionMade"),
        "{:?}",
        read[1]
    );
    let made = PredictionMade::decode(read[1].body.as_slice())?;
    assert_eq!(
        (made.model_id.as_str(), made.quote_ref.as_str()),
        (model.as_str(), "q")
    );
    // The same again from the beginning, by another credential and by a watch with its cursors.
    let second = issue(&own.owner, Some(Start::FromBeginning(true))).await?;
    let mut client = Client::connect(&second.url)?;
    let again = client.read(STREAM, &second.consumer, 2)?;
    let bodies = |read: &[crate::client::Message]| -> Vec<Vec<u8>> {
        read.iter().map(|message| message.body.clone()).collect()
    };
    assert_eq!(bodies(&again), bodies(&read));
    let kinds = [WatchKind::Promoted as i32, WatchKind::Made as i32];
    let mut cursor = "0".to_owned();
    for expected in ["promoted", "made"] {
        let request = WatchPredictionsRequest {
            cursor: cursor.clone(),
            kinds: kinds.to_vec(),
            dataset_id: dataset.clone(),
            ..WatchPredictionsRequest::default()
        };
        watch::follow(&own.owner.connection, request, Some(1), |message| {
            let what = match (&message.promoted, &message.event) {
                (Some(event), None) if event.model_id == model => "promoted",
                (None, Some(event)) if event.quote_ref == "q" => "made",
                _ => "something else",
            };
            assert_eq!(what, expected);
            cursor.clone_from(&message.cursor);
            Ok(())
        })
        .await?;
    }
    walled.stop().await
}
