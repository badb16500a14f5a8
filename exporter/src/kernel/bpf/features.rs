//! What the running kernel has to hang a program on, by its own type information.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::io;
use std::path::Path;

use rustc_hash::{FxBuildHasher, FxHashSet};

use super::btf::{Btf, Type, kind};

/// Type information of loaded modules.
const DIRECTORY: &str = "/sys/kernel/btf";
/// A tracepoint is a type of this name.
const TRACEPOINT: &str = "btf_trace_";
/// Enums of reasons for drops end so: of the core, and of each subsystem that has its own.
const REASONS: &str = "_drop_reason";

/// Tracepoints, functions and reasons for drops.
#[derive(Debug, Default, Clone)]
pub struct Features {
    tracepoints: HashMap<String, u32>,
    /// Of the names of some 60 000 functions only hashes are kept.
    functions: FxHashSet<u64>,
    drop_reasons: Vec<(u32, String)>,
    string_bytes: u32,
}

/// Types whose names are not known yet.
#[derive(Debug, Default)]
struct Unnamed {
    /// Of a pointer what it points to, of a prototype how many parameters it has.
    facts: Vec<u32>,
    typedefs: Vec<(u32, u32)>,
    functions: FxHashSet<u32>,
    enums: Vec<(u32, Vec<(u32, u32)>)>,
}

impl Unnamed {
    fn take(&mut self, of: &Type<'_>) {
        self.facts.push(match of.kind {
            kind::PTR => of.size_or_target,
            kind::FUNC_PROTO => of.members,
            _ => 0,
        });
        match of.kind {
            kind::TYPEDEF => self.typedefs.push((of.name, of.size_or_target)),
            kind::FUNC => {
                self.functions.insert(of.name);
            }
            kind::ENUM => self.enums.push((of.name, of.enumerators().collect())),
            _ => {}
        }
    }

    fn fact(&self, number: u32) -> u32 {
        // Types are counted from 1.
        let at = (number as usize).checked_sub(1);
        at.and_then(|at| self.facts.get(at)).copied().unwrap_or(0)
    }
}

impl Features {
    /// Adds the functions of a module, if it is loaded.
    ///
    /// # Errors
    /// Its types cannot be read.
    pub fn add_module(&mut self, name: &str) -> io::Result<()> {
        let path = Path::new(DIRECTORY).join(name);
        if !path.exists() {
            return Ok(());
        }
        let mut btf = Btf::open(&path)?;
        let mut unnamed = Unnamed::default();
        btf.types(|of| unnamed.take(of))?;
        // Its strings follow those of the kernel, to which its types refer too.
        let own = btf.strings_from(self.string_bytes, |_, _| true)?;
        self.take_functions(&unnamed, &own);
        Ok(())
    }

    /// How many arguments a tracepoint has; none if there is no such tracepoint.
    pub fn arguments(&self, tracepoint: &str) -> Option<u32> {
        self.tracepoints.get(tracepoint).copied()
    }

    /// Whether there is such a function.
    pub fn has_function(&self, name: &str) -> bool {
        self.functions.contains(&FxBuildHasher.hash_one(name))
    }

    /// Every reason for a drop: its number, whose upper half is the subsystem, and its name.
    pub fn drop_reasons(&self) -> &[(u32, String)] {
        &self.drop_reasons
    }

    /// Those of the kernel whose types a file describes, without its modules.
    ///
    /// # Errors
    /// It cannot be read, or is no BTF.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut btf = Btf::open(path)?;
        let mut unnamed = Unnamed::default();
        btf.types(|of| unnamed.take(of))?;
        let mut features = Self {
            string_bytes: btf.string_bytes(),
            ..Self::default()
        };
        let strings = btf.strings_from(0, |at, text| {
            unnamed.functions.contains(&at)
                || text.starts_with(TRACEPOINT.as_bytes())
                || text.ends_with(REASONS.as_bytes())
                || is_reason(text)
        })?;
        features.take_functions(&unnamed, &strings);
        features.take_tracepoints(&unnamed, &strings);
        for (name, enumerators) in &unnamed.enums {
            if strings.get(name).is_some_and(|name| name.ends_with(REASONS)) {
                let reasons = enumerators
                    .iter()
                    .filter_map(|(name, value)| Some((*value, strings.get(name)?.clone())));
                features.drop_reasons.extend(reasons);
            }
        }
        Ok(features)
    }

    fn take_functions(&mut self, unnamed: &Unnamed, strings: &HashMap<u32, String>) {
        let names = unnamed.functions.iter().filter_map(|name| strings.get(name));
        self.functions
            .extend(names.map(|name| FxBuildHasher.hash_one(name.as_str())));
    }

    fn take_tracepoints(&mut self, unnamed: &Unnamed, strings: &HashMap<u32, String>) {
        for (name, pointer) in &unnamed.typedefs {
            let name = strings.get(name).and_then(|name| name.strip_prefix(TRACEPOINT));
            if let Some(name) = name {
                // The first parameter is the tracepoint's own.
                let arguments = unnamed.fact(unnamed.fact(*pointer)).saturating_sub(1);
                self.tracepoints.insert(name.to_owned(), arguments);
            }
        }
    }
}

/// Whether an enumerator may be a reason for a drop.
fn is_reason(text: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 4] = [b"SKB_", b"OVS_DROP_", b"RX_DROP_", b"QDISC_DROP_"];
    PREFIXES.iter().any(|prefix| text.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::super::btf::tests::btf;
    use super::*;

    #[test]
    fn tracepoints_functions_and_reasons_are_found() {
        let strings = b"\0btf_trace_kfree_skb\0ip_rcv_core\0skb_drop_reason\0SKB_DROP_REASON_NO_SOCKET\0";
        let types = [
            // 1: a prototype of four parameters
            &[0, 13 << 24 | 4, 0, 0, 0, 0, 0, 0, 0, 0, 0][..],
            // 2: a pointer to it
            &[0, 2 << 24, 1],
            // 3: the tracepoint
            &[1, 8 << 24, 2],
            // 4: a function
            &[21, 12 << 24, 1],
            // 5: the reasons
            &[33, 6 << 24 | 1, 4, 49, 3],
        ];
        let file = btf(&types.concat(), strings);
        let features = Features::of_file(file.path()).expect("readable");
        assert_eq!(features.arguments("kfree_skb"), Some(3));
        assert_eq!(features.arguments("gone"), None);
        assert!(features.has_function("ip_rcv_core") && !features.has_function("ip6_rcv_core"));
        let reasons = [(3, "SKB_DROP_REASON_NO_SOCKET".to_owned())];
        assert_eq!(features.drop_reasons(), reasons);
    }
}
