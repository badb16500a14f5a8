//! Which capabilities this process has, to say which one is missing.

use crate::kernel::procfs::{ProcFs, fields, hexadecimal, lines};

/// `CAP_*` of `linux/capability.h`, by its bit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Capability {
    /// Everything about BPF before there was `CAP_BPF`.
    SysAdmin = 21,
    /// Tracing programs, and pointers as numbers.
    Perfmon = 38,
    /// Loading programs and making maps.
    Bpf = 39,
}

/// Of what loading a pass takes, the names of the capabilities this process lacks.
pub fn missing_for_bpf() -> Vec<&'static str> {
    let effective = effective().unwrap_or(0);
    let has = |capability: Capability| effective >> (capability as u32) & 1 == 1;
    if has(Capability::SysAdmin) {
        return Vec::new();
    }
    [(Capability::Bpf, "CAP_BPF"), (Capability::Perfmon, "CAP_PERFMON")]
        .into_iter()
        .filter(|(capability, _)| !has(*capability))
        .map(|(_, name)| name)
        .collect()
}

fn effective() -> Option<u64> {
    let status = ProcFs::default().read("thread-self/status").ok()?;
    let line = lines(&status).find(|line| line.starts_with(b"CapEff:"))?;
    fields(line).nth(1).and_then(hexadecimal)
}
