//! Between what widens a model's intervals and its stored message. Deliberately without zeros, which most columns have.

use super::{corrupt, messages};
use crate::Error;
use crate::caution::Caution;

pub(super) fn message_of(caution: &Caution) -> messages::Caution {
    let (columns, left) = (0u32..)
        .zip(caution.left.iter().copied())
        .filter(|(_, v)| *v > 0.0)
        .unzip();
    messages::Caution {
        boosted: caution.boosted,
        columns,
        left,
    }
}

pub(super) fn caution_of(message: messages::Caution, width: usize) -> Result<Caution, Error> {
    let mut left = vec![0.0; width];
    let fits = message.columns.len() == message.left.len()
        && message.columns.iter().all(|&c| (c as usize) < width)
        && message.left.iter().all(|v| v.is_finite() && *v >= 0.0)
        && message.boosted.is_finite()
        && message.boosted >= 1.0;
    if !fits {
        return Err(corrupt(
            "what widens its intervals does not fit its columns",
        ));
    }
    for (&column, &variance) in message.columns.iter().zip(&message.left) {
        left[column as usize] = variance;
    }
    Ok(Caution {
        boosted: message.boosted,
        left,
    })
}
