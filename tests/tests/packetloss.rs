//! Dropped packets: each is counted once, under its reason, in the namespace that lost it.

#[path = "packetloss/attribution.rs"]
mod attribution;
#[path = "packetloss/closes.rs"]
mod closes;
#[path = "packetloss/million.rs"]
mod million;
#[path = "packetloss/reasons.rs"]
mod reasons;
#[path = "packetloss/support.rs"]
mod support;
#[path = "packetloss/turnover.rs"]
mod turnover;
