//! Who is on this node: processes, their network namespaces, and whose they are.
//!
//! A scan gives one [`Entities`] snapshot, which is all that anything above knows of the node.

mod entities;
mod identity;
mod mounts;
mod pass;
mod pods;
mod process;
mod processes;
mod scanner;

pub use entities::{Entities, Entity, EntityKind, EntityProcess, OtherProcess, ScanProblem};
pub use pass::is_in;
pub use pods::{Naming, Pod, Pods};
pub use scanner::Scanner;
