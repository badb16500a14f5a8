//! What a metric is, the samples of one collection, and how they are written out.

pub mod labels;
pub mod own;
pub mod text;

mod descriptor;
mod samples;

pub use descriptor::{Kind, Metric, Scope, Source};
pub use samples::Samples;
