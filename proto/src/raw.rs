//! Messages as bytes, for who hands them on without reading them. Deliberately no check: the bytes
//! are the sender's business and the receiver's.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// `PredictResponse`, its prediction as bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawPrediction {
    /// Id of the prediction.
    #[prost(string, tag = "1")]
    pub id: String,
    /// The prediction.
    #[prost(bytes = "bytes", tag = "2")]
    pub prediction: Bytes,
}

/// `PredictBatchResponse`, its predictions as bytes.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RawPredictions {
    /// The predictions, in the order of their quotes.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub predictions: Vec<Bytes>,
}

/// Messages as bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, target: &mut EncodeBuf<'_>) -> Result<(), Status> {
        target.put(item);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, source: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(source.copy_to_bytes(source.remaining())))
    }
}
