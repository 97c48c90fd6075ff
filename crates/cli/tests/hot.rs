//! Predictions under a key, in groups, and at a rate: what callers of the hot path can rely on.

mod support;

use std::{collections::BTreeSet, fs, io::Write as _, time::Duration};

use indicatif::ProgressBar;
use platform::{config::CallRate, overload::retry_delay};
use proto::prediction::{
    ListPredictionsRequest, PredictBatchRequest, PredictManyRequest, PredictRequest,
};
use support::{Person, history, import, sign_up, train};
use testkit::{TestResult, World};
use tokio_stream::{StreamExt as _, iter};
use tonic::{Code, Request, Status};
use valutai::{
    client::{
        models,
        part_file::PartFile,
        predict::quote,
        predict_file::{FileJob, annotate},
        predictions,
    },
    server::stack::SERVICES,
};

fn request<M>(key: &str, message: M) -> TestResult<Request<M>> {
    let mut request = Request::new(message);
    if !key.is_empty() {
        request
            .metadata_mut()
            .insert("idempotency-key", key.parse()?);
    }
    Ok(request)
}

async fn predict(
    person: &Person,
    key: &str,
    name: &str,
    price: &str,
) -> TestResult<Result<String, Status>> {
    let message = PredictRequest {
        quote: Some(quote(name, [("price".to_owned(), price.to_owned())])),
        ..PredictRequest::default()
    };
    let answer = person
        .connection
        .prediction()
        .predict(request(key, message)?)
        .await;
    Ok(answer.map(|answer| answer.into_inner().id))
}

async fn many(
    person: &Person,
    key: &str,
    offset: u64,
    count: u64,
) -> TestResult<Vec<(u64, String)>> {
    let messages: Vec<PredictManyRequest> = (0..count)
        .map(|at| PredictManyRequest {
            quote: Some(quote(
                &format!("m{}", offset + at),
                [("price".to_owned(), "1000".to_owned())],
            )),
            offset: if at == 0 { offset } else { 0 },
            ..PredictManyRequest::default()
        })
        .collect();
    let stream = person
        .connection
        .prediction()
        .predict_many(request(key, iter(messages))?)
        .await?;
    let answers: Vec<_> = stream.into_inner().collect().await;
    let answers = answers.into_iter().map(|answer| {
        let answer = answer?;
        Ok((answer.index, answer.prediction.unwrap_or_default().id))
    });
    answers.collect()
}

async fn listed(person: &Person) -> TestResult<BTreeSet<String>> {
    let (mut ids, mut page_token) = (BTreeSet::new(), String::new());
    loop {
        let request = ListPredictionsRequest {
            page_size: 200,
            page_token,
            ..ListPredictionsRequest::default()
        };
        let page = person
            .connection
            .prediction()
            .list_predictions(request)
            .await?;
        let page = page.into_inner();
        ids.extend(page.predictions.into_iter().map(|found| found.id));
        if page.next_page_token.is_empty() {
            return Ok(ids);
        }
        page_token = page.next_page_token;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_gives_the_stored_answer_again() -> TestResult {
    let world = support::world().await?;
    let owner = sign_up(&world, "once").await?;
    let dataset = import(&owner, &history(200, 1)?).await?;
    train(&owner, &dataset.id).await?;

    let first = predict(&owner, "k1", "a", "1000").await??;
    assert_eq!(predict(&owner, "k1", "a", "1000").await??, first);
    assert_ne!(predict(&owner, "k2", "a", "1000").await??, first);
    for (name, price) in [("a", "2000"), ("b", "1000")] {
        let refused = predict(&owner, "k1", name, price)
            .await?
            .expect_err("is another request");
        assert_eq!(refused.code(), Code::FailedPrecondition);
        assert!(refused.message().contains("use a new key"), "{refused}");
    }
    let refused = predict(&owner, &"k".repeat(201), "a", "1")
        .await?
        .expect_err("is too long");
    assert_eq!(refused.code(), Code::InvalidArgument);

    // All at once: one of them is made, and all get it.
    let calls = (0..12).map(|_| predict(&owner, "k3", "c", "1000"));
    let answers: TestResult<Vec<_>> = futures::future::join_all(calls).await.into_iter().collect();
    let ids: Result<BTreeSet<String>, Status> = answers?.into_iter().collect();
    assert_eq!(ids?.len(), 1);

    // The key of one organisation says nothing to another.
    let other = sign_up(&world, "other").await?;
    let dataset = import(&other, &history(200, 2)?).await?;
    train(&other, &dataset.id).await?;
    let others = predict(&other, "k1", "a", "1000").await??;
    assert_eq!(listed(&other).await?, [others].into());

    // A stream that broke off goes on where a group begins, with the answers of then.
    let whole = many(&owner, "k4", 0, 250).await?;
    assert!(whole.iter().map(|(index, _)| *index).eq(0..250));
    let again = many(&owner, "k4", 100, 150).await?;
    assert_eq!(again, whole[100..]);
    assert_eq!(many(&owner, "", 7, 3).await?[0].0, 7);

    let ids = listed(&owner).await?;
    assert_eq!(ids.len(), 3 + 250 + 3);
    let mut told = BTreeSet::new();
    predictions::watch(
        &owner.connection,
        "0".to_owned(),
        Some(ids.len() as u64),
        |_, event| {
            told.insert(event.prediction_id.clone());
            Ok(())
        },
    )
    .await?;
    assert_eq!(told, ids, "one event for each prediction");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_of_many_callers_keep_everything_once_and_apart() -> TestResult {
    let world = support::world().await?;
    let mut people = Vec::new();
    for (seed, name) in [(1, "left"), (2, "right")] {
        let person = sign_up(&world, name).await?;
        let dataset = import(&person, &history(200, seed)?).await?;
        train(&person, &dataset.id).await?;
        people.push(person);
    }
    let calls = (0..120).map(|number| {
        let person = &people[number % 2];
        async move { predict(person, "", &format!("q{number}"), "1000").await }
    });
    let mut answered = [BTreeSet::new(), BTreeSet::new()];
    for (number, answer) in futures::future::join_all(calls)
        .await
        .into_iter()
        .enumerate()
    {
        answered[number % 2].insert(answer??);
    }
    // One that cannot be read is refused alone, with everything of its own request.
    let quotes =
        ["1000", "no number"].map(|price| quote("b", [("price".to_owned(), price.to_owned())]));
    let batch = PredictBatchRequest {
        quotes: quotes.to_vec(),
        ..PredictBatchRequest::default()
    };
    let refused = people[0].connection.prediction().predict_batch(batch).await;
    assert_eq!(
        refused.expect_err("is refused").code(),
        Code::InvalidArgument
    );
    for (person, answered) in people.iter().zip(&answered) {
        assert_eq!(answered.len(), 60);
        assert_eq!(&listed(person).await?, answered);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_calls_too_often_is_told_when_to_come_again() -> TestResult {
    let mut world = World::new(&SERVICES).await?;
    world.launch.calls = CallRate {
        per_second: 1,
        burst: 3,
    };
    world.start().await?;
    let (busy, quiet) = (
        sign_up(&world, "busy").await?,
        sign_up(&world, "quiet").await?,
    );
    let call = |person: Person| async move {
        let request = ListPredictionsRequest::default();
        person
            .connection
            .prediction()
            .list_predictions(request)
            .await
    };
    let mut refused = None;
    while refused.is_none() {
        refused = call(busy.clone()).await.err();
    }
    let refused = refused.ok_or("never refused")?;
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(
        refused.message().contains("more than 1 calls a second"),
        "{refused}"
    );
    let delay = retry_delay(&refused).ok_or("it does not say when")?;
    assert!(delay <= Duration::from_secs(1), "{delay:?}");
    call(quiet).await?;
    tokio::time::sleep(delay).await;
    call(busy).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_broke_off_is_gone_on_with() -> TestResult {
    let world = support::world().await?;
    let owner = sign_up(&world, "resume").await?;
    let dataset = import(&owner, &history(200, 1)?).await?;
    train(&owner, &dataset.id).await?;
    let input = support::TempFile::new(&history(250, 7)?)?;
    let out = support::TempFile::new(b"")?;
    let job = FileJob {
        file: input.0.clone(),
        ..FileJob::default()
    };
    let bar = ProgressBar::hidden();
    assert_eq!(
        annotate(&owner.connection, &job, &out.0, false, &bar).await?,
        250
    );
    let whole = fs::read_to_string(&out.0)?;

    let mut part = PartFile::create(&out.0)?;
    for line in whole.split_inclusive('\n').take(151) {
        part.write_all(line.as_bytes())?;
        part.row_written()?;
    }
    assert_eq!(part.leave()?, 100);
    fs::remove_file(&out.0)?;
    let rows = annotate(&owner.connection, &job, &out.0, true, &bar).await?;
    assert_eq!((rows, fs::read_to_string(&out.0)?), (250, whole));
    // The first hundred were there already.
    assert_eq!(listed(&owner).await?.len(), 250 + 150);
    let refused = annotate(&owner.connection, &job, &out.0, true, &bar).await;
    let refused = refused.expect_err("is finished").to_string();
    assert!(refused.contains("nothing of"), "{refused}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_promotion_has_no_gap_and_no_way_back() -> TestResult {
    let world = support::world().await?;
    let owner = sign_up(&world, "swap").await?;
    let dataset = import(&owner, &history(200, 1)?).await?;
    let first = train(&owner, &dataset.id).await?;
    let second = train(&owner, &dataset.id).await?;
    let answered_by = async |name: String| -> TestResult<String> {
        let message = PredictRequest {
            quote: Some(quote(&name, [("price".to_owned(), "1000".to_owned())])),
            ..PredictRequest::default()
        };
        let answer = owner.connection.prediction().predict(message).await?;
        Ok(answer.into_inner().prediction.unwrap_or_default().model_id)
    };
    let promoted_id = if answered_by("before".to_owned()).await? == first.id {
        second.id
    } else {
        first.id
    };
    let asking = async {
        let mut models = Vec::new();
        while models.last() != Some(&promoted_id) && models.len() < 20_000 {
            models.push(answered_by(format!("q{}", models.len())).await?);
        }
        for number in 0..20 {
            models.push(answered_by(format!("after{number}")).await?);
        }
        Ok::<_, testkit::Failure>(models)
    };
    let promoting = models::champion::promote(&owner.connection, &promoted_id, "a test", true);
    let (models, promoted) = tokio::join!(asking, promoting);
    promoted?;
    let models = models?;
    let switched = models.iter().position(|model| *model == promoted_id);
    let after = &models[switched.ok_or("it never answered")?..];
    assert!(after.iter().all(|model| *model == promoted_id), "{after:?}");
    Ok(())
}
