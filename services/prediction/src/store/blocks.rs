//! Where the details of predictions are: in compressed blocks that those written together share, or, of earlier versions, in
//! a column of their own. Deliberately no meaning of what is in them.

use std::collections::BTreeMap;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use platform::TenantTx;
use prost::Message as _;
use uuid::Uuid;

use super::{PredictionRow, Result};
use crate::{Error, domain};

/// Predictions that share a block at most: who asks for one of them unpacks them all.
pub const BLOCK: usize = 100;
/// Blocks that are read together.
const BLOCKS_AT_ONCE: usize = 16;
/// The quickest level that sees what the details have in common: higher ones win a few percent.
const LEVEL: i32 = 1;
/// Longest block once it is unpacked, in bytes; answers of a message of NATS are a small part of it.
const LONGEST: usize = 64 << 20;

/// Details that were packed together.
#[derive(Debug)]
pub struct PackedBlock {
    /// The largest of its predictions.
    pub(super) id: Uuid,
    pub(super) created_at: DateTime<Utc>,
    pub(super) body: Vec<u8>,
}

/// What is packed: an entry for each prediction in both lists. Alike beside alike packs best.
#[derive(Clone, PartialEq, prost::Message)]
struct Block {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    details: Vec<Bytes>,
    /// JSON.
    #[prost(string, repeated, tag = "2")]
    derived: Vec<String>,
}

/// Where the detail of a prediction is.
#[derive(Debug, sqlx::FromRow)]
pub(super) struct Place {
    detail: Option<Vec<u8>>,
    derived: Option<String>,
    block_id: Option<Uuid>,
    place: Option<i16>,
}

/// The detail of a prediction.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Detail {
    pub detail: Vec<u8>,
    /// JSON; missing where it was not kept yet.
    pub derived: Option<String>,
}

/// Packs the details of at most [`BLOCK`] predictions; `None` where there are none.
///
/// # Errors
/// None that is known: memory is written to memory.
pub fn pack(rows: &[&PredictionRow]) -> Result<Option<PackedBlock>> {
    let Some(last) = rows.iter().max_by_key(|row| row.id) else {
        return Ok(None);
    };
    let block = Block {
        details: rows.iter().map(|row| row.detail.clone()).collect(),
        derived: rows.iter().map(|row| row.derived.clone()).collect(),
    };
    let body = zstd::bulk::compress(&block.encode_to_vec(), LEVEL)
        .map_err(|error| Error::Broken(format!("details cannot be packed: {error}")))?;
    Ok(Some(PackedBlock {
        id: last.id,
        created_at: last.created_at,
        body,
    }))
}

fn unpack(body: &[u8]) -> Result<Block> {
    let bytes = zstd::bulk::decompress(body, LONGEST)
        .map_err(|error| Error::Broken(format!("details cannot be unpacked: {error}")))?;
    Ok(Block::decode(Bytes::from(bytes))?)
}

impl Block {
    /// A copy, so that one detail does not keep the memory of them all.
    fn detail(&self, place: usize) -> Option<Detail> {
        Some(Detail {
            detail: self.details.get(place)?.to_vec(),
            derived: Some(self.derived.get(place)?.clone()),
        })
    }
}

/// The details that are in some places, in their order. Blocks are read a few at a time and only what is asked for of them is
/// kept: the details of many quotes can be in as many blocks.
pub(super) async fn find_details<'p>(
    tx: &mut TenantTx,
    places: impl Iterator<Item = &'p Place>,
) -> Result<Vec<Detail>> {
    let mut details: Vec<Option<Detail>> = Vec::new();
    let mut in_blocks: BTreeMap<Uuid, Vec<(usize, usize)>> = BTreeMap::new();
    for (at, place) in places.enumerate() {
        let detail = match (&place.detail, place.block_id, place.place) {
            (Some(detail), ..) => Some(Detail {
                detail: detail.clone(),
                derived: place.derived.clone(),
            }),
            (None, Some(block), Some(place)) => {
                let place = usize::try_from(place).map_err(|_| missing_place())?;
                in_blocks.entry(block).or_default().push((at, place));
                None
            }
            (None, ..) => return Err(missing_place()),
        };
        details.push(detail);
    }
    let ids: Vec<Uuid> = in_blocks.keys().copied().collect();
    for some in ids.chunks(BLOCKS_AT_ONCE) {
        for (id, body) in find_blocks(tx, some).await? {
            let block = unpack(&body)?;
            for (at, place) in in_blocks.remove(&id).unwrap_or_default() {
                details[at] = Some(block.detail(place).ok_or_else(missing_place)?);
            }
        }
    }
    match in_blocks.keys().next() {
        Some(block) => Err(missing(*block)),
        None => Ok(details.into_iter().flatten().collect()),
    }
}

async fn find_blocks(tx: &mut TenantTx, ids: &[Uuid]) -> Result<Vec<(Uuid, Vec<u8>)>> {
    let times = ids
        .iter()
        .map(|id| domain::created_at(*id).ok_or_else(|| missing(*id)))
        .collect::<Result<Vec<_>>>()?;
    Ok(sqlx::query_as(
        "SELECT b.id, b.body FROM unnest($1::uuid[], $2::timestamptz[]) AS wanted (id, created_at)
         JOIN prediction_block b ON b.id = wanted.id AND b.created_at = wanted.created_at",
    )
    .bind(ids)
    .bind(times)
    .fetch_all(tx.connection())
    .await?)
}

fn missing(block: Uuid) -> Error {
    Error::Broken(format!("the block {block} of a prediction is missing"))
}

fn missing_place() -> Error {
    Error::Broken("a prediction has no place in its block".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u128, detail: &str) -> PredictionRow {
        PredictionRow {
            id: Uuid::from_u128(number),
            created_at: DateTime::UNIX_EPOCH,
            model_id: Uuid::nil(),
            quote_ref: String::new(),
            win_probability: 0.5,
            low: 0.4,
            high: 0.6,
            evidence: "solid",
            input: "{}".to_owned(),
            input_hash: Vec::new(),
            detail: Bytes::copy_from_slice(detail.as_bytes()),
            created_by: Uuid::nil(),
            as_of: chrono::NaiveDate::default(),
            derived: format!("{{\"of\":\"{detail}\"}}"),
        }
    }

    #[test]
    fn what_is_packed_comes_back_in_its_order() {
        let rows = [row(2, "second"), row(3, ""), row(1, "first")];
        let rows: Vec<&PredictionRow> = rows.iter().collect();
        let packed = pack(&rows).unwrap().unwrap();
        assert_eq!(packed.id, Uuid::from_u128(3), "the largest");
        let block = unpack(&packed.body).unwrap();
        for (place, row) in rows.iter().enumerate() {
            let detail = block.detail(place).unwrap();
            assert_eq!(detail.detail, row.detail);
            assert_eq!(detail.derived.as_ref(), Some(&row.derived));
        }
        assert_eq!(block.detail(rows.len()), None);
        assert!(pack(&[]).unwrap().is_none());
    }

    #[test]
    fn what_is_alike_takes_little() {
        let words: String = (0..400).map(|word| format!("reason {word} ")).collect();
        let rows: Vec<PredictionRow> = (0..100).map(|at| row(at, &words)).collect();
        let rows: Vec<&PredictionRow> = rows.iter().collect();
        let packed = pack(&rows).unwrap().unwrap();
        assert!(
            packed.body.len() * 20 < 100 * words.len(),
            "{}",
            packed.body.len()
        );
    }

    #[test]
    fn what_is_broken_is_refused() {
        let row = row(1, "detail");
        let packed = pack(&[&row]).unwrap().unwrap();
        let mut cut = packed.body.clone();
        cut.truncate(cut.len() - 3);
        assert!(unpack(&cut).is_err());
        assert!(unpack(b"no block").is_err());
    }
}
