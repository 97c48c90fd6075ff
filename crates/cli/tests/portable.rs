//! A model taken away as a file, over real gRPC: who may, what stays behind, and that it answers as the service does.

mod support;

use std::path::Path;

use proto::{auth::Role, prediction::Prediction};
use support::{TempFile, add_member, history, import, sign_up, train, world};
use testkit::{TestResult, eventually};
use tonic::Code;
use valutai::{
    Error,
    client::{
        model_export,
        predict_file::{self, FileJob},
    },
    score,
};

fn bits(p: &Prediction) -> Vec<u64> {
    let own = [
        p.win_probability,
        p.win_probability_low,
        p.win_probability_high,
    ];
    let parts = p.contributions.iter().flat_map(|c| [c.log_odds, c.points]);
    own.into_iter().chain(parts).map(f64::to_bits).collect()
}

fn exports_below(dir: &Path) -> TestResult<usize> {
    let mut files = 0;
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        files += match path.is_dir() {
            true => exports_below(&path)?,
            false => usize::from(path.components().any(|part| part.as_os_str() == "export")),
        };
    }
    Ok(files)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_goes_out_as_a_file_and_answers_alike() -> TestResult {
    let mut world = world().await?;
    let owner = sign_up(&world, "ada").await?;
    let dataset = import(&owner, &history(400, 1)?).await?;
    let model = train(&owner, &dataset.id).await?;
    let file = TempFile::new(b"")?;
    let size = model_export::export(&owner.connection, &model.id, &file.0).await?;
    assert_eq!(size, std::fs::metadata(&file.0)?.len());
    eventually("nothing stays behind", || async {
        Ok(exports_below(&world.launch.blob_dir)? == 0)
    })
    .await?;

    let quotes = TempFile::new(&history(250, 7)?)?;
    let job = FileJob {
        model_id: model.id.clone(),
        file: quotes.0.clone(),
        ..FileJob::default()
    };
    let mut online = Vec::new();
    predict_file::stream(&owner.connection, &job, |_, answer| {
        online.extend(answer.prediction.clone());
        Ok(())
    })
    .await?;
    let portable = score::read(&file.0)?;
    let date = online[0].as_of.parse()?;
    let mut offline = Vec::new();
    let rows = score::score(&portable, &job, date, |_, prediction| {
        offline.push(prediction);
        Ok(())
    })?;
    assert_eq!((rows, online.len()), (250, 250));
    for (online, offline) in online.iter().zip(&offline) {
        assert_eq!(bits(online), bits(offline));
        assert_eq!(online.quote_ref, offline.quote_ref);
    }

    let whole = std::fs::read(&file.0)?;
    std::fs::write(&file.0, &whole[..whole.len() - 100])?;
    let told = score::read(&file.0).expect_err("is cut short").to_string();
    assert!(told.contains("cut short"), "{told}");
    let gone = TempFile::new(b"")?;
    std::fs::remove_file(&gone.0)?;
    let viewer = add_member(&owner, "vera", Role::Viewer).await?;
    let refused = model_export::export(&viewer.connection, &model.id, &gone.0).await;
    assert!(
        matches!(
            refused,
            Err(Error::Refused {
                code: Code::PermissionDenied,
                ..
            })
        ),
        "{refused:?}"
    );
    let stranger = sign_up(&world, "eve").await?;
    let refused = model_export::export(&stranger.connection, &model.id, &gone.0).await;
    assert!(
        matches!(
            refused,
            Err(Error::Refused {
                code: Code::NotFound,
                ..
            })
        ),
        "{refused:?}"
    );
    assert!(!gone.0.exists(), "whole or not at all");
    world.stop().await;
    world.assert_outboxes_empty().await
}
