//! What a metric is, the samples of one collection, and how they are written out.

pub mod histogram;
pub mod labels;
pub mod own;
pub mod protobuf;
pub mod text;
pub mod writer;

mod descriptor;
mod pod_info;
mod samples;
mod wire;

pub use descriptor::{Kind, Metric, Scope, Source, Span};
pub use pod_info::POD_INFO;
pub use samples::{Amount, Labelled, Samples};
