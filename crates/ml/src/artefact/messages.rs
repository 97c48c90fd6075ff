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
    /// From format 2 on.
    #[prost(message, optional, tag = "16")]
    pub blend: Option<Blend>,
    #[prost(message, optional, tag = "17")]
    pub boosted: Option<Boosted>,
    /// From format 3 on.
    #[prost(message, optional, tag = "18")]
    pub caution: Option<Caution>,
}

/// What widens the intervals.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Caution {
    /// By what the variance of the boosted members is multiplied.
    #[prost(double, tag = "1")]
    pub boosted: f64,
    /// Encoded columns with left-over variance, ascending, and that variance.
    #[prost(uint32, repeated, tag = "2")]
    pub columns: Vec<u32>,
    #[prost(double, repeated, tag = "3")]
    pub left: Vec<f64>,
    /// From format 4 on: share of the squared distance of a base rate that is served, and width from which an interval is
    /// wide.
    #[prost(double, optional, tag = "4")]
    pub unserved: Option<f64>,
    #[prost(double, optional, tag = "5")]
    pub wide: Option<f64>,
    /// Encoded columns with left-over variance that grows with their square, ascending, and that variance.
    #[prost(uint32, repeated, tag = "6")]
    pub along_columns: Vec<u32>,
    #[prost(double, repeated, tag = "7")]
    pub along: Vec<f64>,
}

/// Weights of linear and boosted part and base rate, the calibration map, and whether the price may only lower.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Blend {
    #[prost(double, tag = "1")]
    pub linear: f64,
    #[prost(double, tag = "2")]
    pub boosted: f64,
    #[prost(double, tag = "3")]
    pub base: f64,
    #[prost(uint32, tag = "4")]
    pub map: u32,
    #[prost(double, repeated, tag = "5")]
    pub map_parameters: Vec<f64>,
    #[prost(bool, tag = "6")]
    pub falling: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Boosted {
    #[prost(message, repeated, tag = "1")]
    pub features: Vec<Feature>,
    #[prost(message, repeated, tag = "2")]
    pub members: Vec<Member>,
    #[prost(double, tag = "3")]
    pub share: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Feature {
    #[prost(uint32, tag = "1")]
    pub origin: u32,
    #[prost(uint32, tag = "2")]
    pub first: u32,
    #[prost(uint32, tag = "3")]
    pub second: u32,
    /// 0 edges, 1 names, 2 month, 3 weekday.
    #[prost(uint32, tag = "4")]
    pub bins: u32,
    #[prost(double, repeated, tag = "5")]
    pub edges: Vec<f64>,
    #[prost(string, repeated, tag = "6")]
    pub names: Vec<String>,
    #[prost(bool, tag = "7")]
    pub falling: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Member {
    #[prost(double, tag = "1")]
    pub base: f64,
    #[prost(message, repeated, tag = "2")]
    pub shapes: Vec<Shape>,
    #[prost(message, repeated, tag = "3")]
    pub grids: Vec<Grid>,
    #[prost(message, repeated, tag = "4")]
    pub trees: Vec<Tree>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Shape {
    #[prost(uint32, tag = "1")]
    pub feature: u32,
    #[prost(double, repeated, tag = "2")]
    pub values: Vec<f64>,
    #[prost(double, tag = "3")]
    pub mean: f64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Grid {
    #[prost(uint32, tag = "1")]
    pub first: u32,
    #[prost(uint32, tag = "2")]
    pub second: u32,
    /// Coarse bin of every bin.
    #[prost(bytes = "vec", tag = "3")]
    pub first_map: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub second_map: Vec<u8>,
    #[prost(double, repeated, tag = "5")]
    pub values: Vec<f64>,
    /// As many as there are coarse bins.
    #[prost(double, repeated, tag = "6")]
    pub first_known: Vec<f64>,
    #[prost(double, repeated, tag = "7")]
    pub second_known: Vec<f64>,
    #[prost(double, tag = "8")]
    pub mean: f64,
}

/// Nodes in preorder: a node that splits is followed by its first child's nodes, then its second's.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Tree {
    /// Feature + 1 of nodes that split, 0 of leaves.
    #[prost(uint32, repeated, tag = "1")]
    pub features: Vec<u32>,
    /// Of nodes that split, in turn: the last bin of the first side and whether bin 0 is there (times 2, plus 1), or 0
    /// where `sets` says which.
    #[prost(uint32, repeated, tag = "2")]
    pub cuts: Vec<u32>,
    /// Four words per node that splits otherwise.
    #[prost(fixed64, repeated, tag = "3")]
    pub sets: Vec<u64>,
    /// Of leaves, in turn.
    #[prost(double, repeated, tag = "4")]
    pub values: Vec<f64>,
    /// Training rows of leaves, in turn.
    #[prost(uint64, repeated, tag = "5")]
    pub covers: Vec<u64>,
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
