//! What the programs of a probe hang on, and which of several ways is taken.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::features::Features;

/// How the programs are hooked. Those that are to find each other's numbers must all be typed, or
/// none (`hooks.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `tp_btf`, `fentry` and `fexit`.
    Typed,
    /// `raw_tp`, `kprobe` and `kretprobe`.
    Raw,
    /// `tp_btf`, and no functions.
    TypedTracepoints,
    /// `raw_tp`, and no functions.
    RawTracepoints,
}

impl Way {
    /// The cheapest and most complete one first.
    pub const ALL: [Self; 4] = [
        Self::Typed,
        Self::Raw,
        Self::TypedTracepoints,
        Self::RawTracepoints,
    ];

    /// Whether the verifier is to know the types of arguments.
    pub fn is_typed(self) -> bool {
        matches!(self, Self::Typed | Self::TypedTracepoints)
    }

    /// Whether functions can be hooked.
    pub fn has_functions(self) -> bool {
        matches!(self, Self::Typed | Self::Raw)
    }

    /// What it is called in the configuration: by the hook of functions, else by that of tracepoints.
    pub const NAMES: [(&str, Self); 4] = [
        ("fentry", Self::Typed),
        ("kprobe", Self::Raw),
        ("tp_btf", Self::TypedTracepoints),
        ("raw_tp", Self::RawTracepoints),
    ];

    /// Its name in the configuration.
    pub fn name(self) -> &'static str {
        let mut names = Self::NAMES.into_iter();
        names.find(|(_, way)| *way == self).map_or("", |(name, _)| name)
    }

    /// What it is called in the words of the kernel.
    pub fn describe(self) -> &'static str {
        match self {
            Self::Typed => "tp_btf and fentry",
            Self::Raw => "raw_tp and kprobe",
            Self::TypedTracepoints => "tp_btf",
            Self::RawTracepoints => "raw_tp",
        }
    }
}

/// The programs of an object that are to be loaded one way.
#[derive(Debug)]
pub struct Plan<'a> {
    features: &'a Features,
    /// The way.
    pub way: Way,
    programs: Vec<String>,
    missing: Vec<String>,
    hooks_functions: bool,
    is_without_functions: bool,
}

impl<'a> Plan<'a> {
    /// Nothing is to be loaded yet.
    pub fn new(features: &'a Features, way: Way) -> Self {
        Self {
            features,
            way,
            programs: Vec::new(),
            missing: Vec::new(),
            hooks_functions: false,
            is_without_functions: false,
        }
    }

    /// What the kernel has.
    pub fn features(&self) -> &'a Features {
        self.features
    }

    /// The program of a tracepoint, called like it.
    pub fn tracepoint(&mut self, name: &str) {
        self.tracepoint_by(name, name);
    }

    /// A program of a tracepoint that has several.
    pub fn tracepoint_by(&mut self, name: &str, program: &str) {
        let suffix = if self.way.is_typed() { "btf" } else { "raw" };
        let exists = self.features.arguments(name).is_some();
        self.add(
            exists,
            format!("{program}_{suffix}"),
            &format!("tracepoint {name}"),
        );
    }

    /// The program of a tracepoint whose arguments can be NULL, which no way may take for typed.
    pub fn raw_tracepoint(&mut self, name: &str) {
        let exists = self.features.arguments(name).is_some();
        self.add(exists, format!("{name}_raw"), &format!("tracepoint {name}"));
    }

    /// A program of a tracepoint that is the same whichever way is taken.
    pub fn program_of(&mut self, tracepoint: &str, program: &str) {
        let exists = self.features.arguments(tracepoint).is_some();
        self.add(exists, program.to_owned(), &format!("tracepoint {tracepoint}"));
    }

    /// The program at the beginning of a function.
    pub fn function(&mut self, name: &str) {
        self.function_by(name, ["fentry", "kprobe"]);
    }

    /// The program at the end of a function.
    pub fn function_end(&mut self, name: &str) {
        self.function_by(name, ["fexit", "kretprobe"]);
    }

    /// Says that something is missing.
    pub fn lack(&mut self, what: &str) {
        self.missing.push(what.to_owned());
    }

    /// The programs, and whether some of them are hooked to functions.
    ///
    /// # Errors
    /// What the kernel lacks for this way; nothing is said if it takes functions, and this way has none.
    pub fn finish(self) -> Result<(Vec<String>, bool), Option<String>> {
        if !self.missing.is_empty() {
            return Err(Some(format!("this kernel has no {}", self.missing.join(", no "))));
        }
        if self.is_without_functions {
            return Err(None);
        }
        Ok((self.programs, self.hooks_functions))
    }

    fn function_by(&mut self, name: &str, [typed, raw]: [&str; 2]) {
        if !self.way.has_functions() {
            // Why functions cannot be hooked was said of the ways that could.
            self.is_without_functions = true;
            return;
        }
        self.hooks_functions = true;
        let suffix = if self.way.is_typed() { typed } else { raw };
        let exists = self.features.has_function(name);
        self.add(exists, format!("{name}_{suffix}"), &format!("function {name}"));
    }

    fn add(&mut self, exists: bool, program: String, what: &str) {
        if exists {
            self.programs.push(program);
        } else {
            self.lack(what);
        }
    }
}

/// There where kprobes are built in.
const KPROBE: &str = "/sys/bus/event_source/devices/kprobe";

/// Which hooks of functions this kernel has refused: all of a kind, or none.
#[derive(Debug, Default)]
pub struct FunctionHooks {
    fentry_is_refused: AtomicBool,
}

impl FunctionHooks {
    /// Why functions cannot be hooked this way, if that is known.
    pub fn refusal(&self, way: Way) -> Option<&'static str> {
        match way {
            Way::Typed if self.fentry_is_refused.load(Ordering::Relaxed) => Some("the kernel refuses fentry"),
            Way::Raw if !Path::new(KPROBE).exists() => Some("the kernel has no kprobes"),
            _ => None,
        }
    }

    /// Notes that the kernel has refused a program that was hooked to a function.
    pub fn note_refusal(&self, way: Way) {
        if way == Way::Typed {
            self.fentry_is_refused.store(true, Ordering::Relaxed);
        }
    }
}
