//! Between what widens a model's intervals and its stored message. Deliberately without zeros, which most columns have.

use super::{corrupt, messages};
use crate::Error;
use crate::caution::Caution;
use crate::grade::WIDE;

/// Of models of format 3, whose linear errors are not those around a base rate that is served.
const UNSERVED: f64 = 0.25;

pub(super) fn message_of(caution: &Caution) -> messages::Caution {
    let (columns, left) = without_zeros(&caution.left);
    let (along_columns, along) = without_zeros(&caution.along);
    messages::Caution {
        boosted: caution.boosted,
        columns,
        left,
        unserved: Some(caution.unserved),
        wide: Some(caution.wide),
        along_columns,
        along,
    }
}

fn without_zeros(all: &[f64]) -> (Vec<u32>, Vec<f64>) {
    let numbered = (0u32..).zip(all.iter().copied());
    numbered.filter(|(_, v)| *v > 0.0).unzip()
}

pub(super) fn caution_of(message: messages::Caution, width: usize) -> Result<Caution, Error> {
    let caution = Caution {
        boosted: message.boosted,
        unserved: message.unserved.unwrap_or(UNSERVED),
        left: with_zeros(&message.columns, &message.left, width)?,
        along: with_zeros(&message.along_columns, &message.along, width)?,
        wide: message.wide.unwrap_or(WIDE),
    };
    let shares = [caution.unserved, caution.wide];
    let fits = caution.boosted.is_finite()
        && caution.boosted >= 1.0
        && shares.iter().all(|x| (0.0..=1.0).contains(x));
    if fits { Ok(caution) } else { Err(misfit()) }
}

fn with_zeros(columns: &[u32], values: &[f64], width: usize) -> Result<Vec<f64>, Error> {
    let mut all = vec![0.0; width];
    let fits = columns.len() == values.len()
        && columns.iter().all(|&c| (c as usize) < width)
        && values.iter().all(|v| v.is_finite() && *v >= 0.0);
    if !fits {
        return Err(misfit());
    }
    for (&column, &variance) in columns.iter().zip(values) {
        all[column as usize] = variance;
    }
    Ok(all)
}

fn misfit() -> Error {
    corrupt("what widens its intervals does not fit its columns")
}
