//! The protobuf messages of a stored model, by hand.
//!
//! Deliberately separate from the types that compute: those may change freely, these only by a new format version.
//! Enumerations are numbers whose meaning stands in `convert`.

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Envelope {
    #[prost(uint32, tag = "1")]
    pub format: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub sha256: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub content: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Model {
    #[prost(message, repeated, tag = "1")]
    pub columns: Vec<SchemaColumn>,
    #[prost(message, repeated, tag = "2")]
    pub blocks: Vec<Block>,
    #[prost(double, repeated, tag = "3")]
    pub means: Vec<f64>,
    #[prost(double, repeated, tag = "4")]
    pub weights: Vec<f64>,
    /// Lower triangle of the covariance, row by row.
    #[prost(double, repeated, tag = "5")]
    pub covariance: Vec<f64>,
    #[prost(double, repeated, tag = "6")]
    pub spreads: Vec<f64>,
    #[prost(uint64, tag = "7")]
    pub rows: u64,
    #[prost(uint64, tag = "8")]
    pub wins: u64,
    #[prost(double, tag = "9")]
    pub penalty: f64,
    #[prost(bool, tag = "10")]
    pub serves_base_rate: bool,
    #[prost(message, optional, tag = "11")]
    pub history: Option<History>,
    #[prost(string, repeated, tag = "12")]
    pub notes: Vec<String>,
    #[prost(message, repeated, tag = "13")]
    pub golden_columns: Vec<GoldenColumn>,
    /// Probability, low and high of each golden row in turn.
    #[prost(double, repeated, tag = "14")]
    pub golden_answers: Vec<f64>,
    #[prost(bytes = "vec", tag = "15")]
    pub schema_hash: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct SchemaColumn {
    #[prost(string, tag = "1")]
    pub name: String,
    #[prost(uint32, tag = "2")]
    pub role: u32,
    #[prost(uint32, tag = "3")]
    pub kind: u32,
    #[prost(bool, tag = "4")]
    pub used: bool,
    /// Smallest and largest number; empty for categories and for columns without values.
    #[prost(double, repeated, tag = "5")]
    pub range: Vec<f64>,
    #[prost(string, repeated, tag = "6")]
    pub levels: Vec<String>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Block {
    #[prost(uint32, tag = "1")]
    pub origin: u32,
    #[prost(uint32, tag = "2")]
    pub first: u32,
    #[prost(uint32, tag = "3")]
    pub second: u32,
    #[prost(message, optional, tag = "4")]
    pub scale: Option<Scale>,
    #[prost(message, optional, tag = "5")]
    pub slots: Option<Slots>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Scale {
    #[prost(bool, tag = "1")]
    pub log: bool,
    #[prost(double, tag = "2")]
    pub mean: f64,
    #[prost(double, tag = "3")]
    pub deviation: f64,
    #[prost(double, tag = "4")]
    pub low: f64,
    #[prost(double, tag = "5")]
    pub high: f64,
    #[prost(bool, tag = "6")]
    pub zero_flag: bool,
    #[prost(bool, tag = "7")]
    pub missing_flag: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Slots {
    #[prost(uint32, tag = "1")]
    pub keys: u32,
    #[prost(string, repeated, tag = "2")]
    pub names: Vec<String>,
    #[prost(double, repeated, tag = "3")]
    pub numbers: Vec<f64>,
    #[prost(uint32, repeated, tag = "4")]
    pub parts: Vec<u32>,
    #[prost(bool, tag = "5")]
    pub other: bool,
    #[prost(bool, tag = "6")]
    pub missing: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct History {
    #[prost(uint32, tag = "1")]
    pub basis: u32,
    #[prost(double, repeated, tag = "2")]
    pub edges: Vec<f64>,
    #[prost(uint32, repeated, tag = "3")]
    pub quotes: Vec<u32>,
    #[prost(uint32, repeated, tag = "4")]
    pub won: Vec<u32>,
    #[prost(double, repeated, tag = "5")]
    pub quantiles: Vec<f64>,
}

/// The golden cells of one schema column; missing cells are listed by row.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GoldenColumn {
    #[prost(double, repeated, tag = "1")]
    pub numbers: Vec<f64>,
    #[prost(string, repeated, tag = "2")]
    pub texts: Vec<String>,
    #[prost(sint32, repeated, tag = "3")]
    pub days: Vec<i32>,
    #[prost(uint32, repeated, tag = "4")]
    pub missing: Vec<u32>,
}
