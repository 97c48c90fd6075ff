//! A model as a file: the same answers to the last bit, and nothing else than what was exported is taken for one.

use prediction::domain::{comparison::day, portable::Portable};
use prost::Message as _;
use proto::prediction::{PortableFile, PortableModel, PrepareExportRequest, QuoteInput};
use sha2::{Digest as _, Sha256};
use testkit::{TestResult, eventually};
use tonic::Code;
use uuid::Uuid;

use crate::{
    quotes::{quotes, sent},
    world::tenant,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_file_answers_as_the_service_does() -> TestResult {
    let mut tenant = tenant().await?;
    let model = tenant.trained_on(Uuid::now_v7(), 400).await?;
    let (client, context) = tenant.prediction();
    let request = PrepareExportRequest {
        model_id: model.clone(),
    };
    let blob = client
        .prepare_export(context, request)
        .await?
        .file
        .ok_or("no file")?;
    let file = tenant.blobs.get(tenant.id, &blob).await?;
    let portable = Portable::from_bytes(&file)?;
    assert_eq!(portable.id, model);

    // Past quotes, new ones, and ones without a date, whose day is today's.
    let undated = |mut quote: QuoteInput| {
        quote.fields.remove("Date");
        quote
    };
    let asked: Vec<QuoteInput> = quotes(450).iter().map(sent).collect();
    let asked: Vec<QuoteInput> = asked
        .into_iter()
        .enumerate()
        .map(|(at, quote)| if at % 3 == 0 { undated(quote) } else { quote })
        .collect();
    let told = tenant.predict(&model, asked.clone()).await?;
    let date = told[0].as_of.parse()?;
    let alone = portable.predict(&asked, day(date))?;
    for (told, alone) in told.iter().zip(&alone) {
        let bits = |p: &proto::prediction::Prediction| {
            let own = [
                p.win_probability,
                p.win_probability_low,
                p.win_probability_high,
                p.base_log_odds,
            ];
            let parts = p.contributions.iter().flat_map(|c| [c.log_odds, c.points]);
            own.into_iter()
                .chain(parts)
                .map(f64::to_bits)
                .collect::<Vec<_>>()
        };
        assert_eq!(bits(told), bits(alone));
        assert_eq!(told.contribution_groups, alone.contribution_groups);
        assert_eq!(told.price_recommendation, alone.price_recommendation);
    }
    let next = portable.predict(&asked[..3], day(date) + 400)?;
    assert_ne!(
        next[0].contributions, alone[0].contributions,
        "the day counts"
    );

    refuses(&file, &PortableFile::decode(file.as_slice())?)?;
    let request = PrepareExportRequest {
        model_id: Uuid::now_v7().to_string(),
    };
    let unknown = client.prepare_export(context, request).await;
    assert_eq!(unknown.expect_err("no such model").code(), Code::NotFound);
    let request = PrepareExportRequest {
        model_id: model.clone(),
    };
    let theirs = client.prepare_export(&tenant.stranger(), request).await;
    assert_eq!(theirs.expect_err("not theirs").code(), Code::NotFound);
    eventually("the audit trail has it", || async {
        Ok(tenant.audited("prediction.export_model").await? == 1)
    })
    .await?;
    tenant.world.stop().await;
    Ok(())
}

/// Every way in which a file is not what was exported.
fn refuses(file: &[u8], whole: &PortableFile) -> TestResult {
    let refusal = |bytes: &[u8]| {
        Portable::from_bytes(bytes)
            .err()
            .map(|e| e.to_string())
            .unwrap_or_default()
    };
    for bytes in [
        &b""[..],
        b"price,outcome\n1,won\n",
        &file[..file.len() / 2],
        &file[1..],
    ] {
        let told = refusal(bytes);
        assert!(told.contains("cut short or no model file"), "{told}");
    }
    for at in (0..file.len()).step_by(file.len() / 97) {
        let mut altered = file.to_vec();
        altered[at] ^= 0x10;
        assert!(Portable::from_bytes(&altered).is_err(), "byte {at}");
    }
    let newer = PortableFile {
        format: 2,
        ..whole.clone()
    };
    let told = refusal(&newer.encode_to_vec());
    assert!(
        told.contains("it has format 2, and this program reads format 1"),
        "{told}"
    );
    // A checksum can be made to fit, the answers that the model must give cannot.
    let content = PortableModel::decode(whole.content.as_slice())?;
    let mut altered = content.clone();
    let middle = altered.artefact.len() / 2;
    altered.artefact[middle] ^= 1;
    let content = altered.encode_to_vec();
    let forged = PortableFile {
        sha256: Sha256::digest(&content).to_vec(),
        content,
        ..whole.clone()
    };
    assert!(refusal(&forged.encode_to_vec()).contains("cannot be used"));
    Ok(())
}
