//! Compiles the BPF programs into skeletons, and says what was built: the revision and the compiler.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use libbpf_cargo::SkeletonBuilder;

const SOURCES: &str = "../bpf";
/// Programs that unit tests run, which nothing else takes in.
const TESTS: &str = "../bpf/tests";
/// Tried in this order unless `$CLANG` names one.
const CLANGS: [&str; 7] = [
    "clang", "clang-19", "clang-18", "clang-17", "clang-16", "clang-15", "clang-14",
];
/// Of the name of a commit.
const REVISION_DIGITS: usize = 12;

fn main() {
    println!("cargo::rerun-if-changed={SOURCES}");
    println!("cargo::rerun-if-env-changed=CLANG");
    skeletons(SOURCES, "skeletons.rs");
    skeletons(TESTS, "test_skeletons.rs");
    println!("cargo::rerun-if-env-changed=BUILD_REVISION");
    println!("cargo::rerun-if-changed=../.git/HEAD");
    println!("cargo::rerun-if-changed=../.git/refs");
    println!("cargo::rustc-env=BUILD_REVISION={}", revision());
    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into());
    println!(
        "cargo::rustc-env=BUILD_RUSTC={}",
        first_line(Command::new(rustc).arg("--version"))
    );
}

/// Compiles every `*.bpf.c` of a directory, and writes a module of modules with a skeleton each.
fn skeletons(directory: &str, file: &str) {
    let Some(clang) = clang() else {
        fail("no clang found: install one that compiles for BPF, or name it in $CLANG");
    };
    let out = PathBuf::from(std::env::var_os("OUT_DIR").unwrap_or_default());
    let include = format!("-I{SOURCES}/include");
    let mut modules = String::new();
    for name in objects(directory) {
        let source = format!("{directory}/{name}.bpf.c");
        let skeleton = out.join(format!("{name}.skel.rs"));
        let built = SkeletonBuilder::new()
            .source(Path::new(&source))
            .clang(&clang)
            .clang_args([include.as_str(), "-mcpu=v3", "-Wall", "-Wextra", "-Werror"])
            .build_and_generate(&skeleton);
        if let Err(error) = built {
            fail(&format!("{source}: {error:#}"));
        }
        let skeleton = skeleton.display();
        let _ = writeln!(modules, "pub mod {name} {{ include!(\"{skeleton}\"); }}");
    }
    if let Err(error) = std::fs::write(out.join(file), modules) {
        fail(&format!("{file}: {error}"));
    }
}

fn objects(directory: &str) -> Vec<String> {
    let files = match std::fs::read_dir(directory) {
        Ok(files) => files,
        Err(error) => fail(&format!("{directory}: {error}")),
    };
    let name = |file: std::fs::DirEntry| {
        let file = file.file_name().into_string().ok()?;
        file.strip_suffix(".bpf.c").map(str::to_owned)
    };
    let mut names: Vec<String> = files.flatten().filter_map(name).collect();
    names.sort_unstable();
    names
}

fn fail(why: &str) -> ! {
    println!("cargo::error={why}");
    std::process::exit(1);
}

fn clang() -> Option<String> {
    let runs = |name: &str| Command::new(name).arg("--version").output().is_ok();
    std::env::var("CLANG")
        .ok()
        .or_else(|| CLANGS.into_iter().find(|name| runs(name)).map(str::to_owned))
}

/// What `$BUILD_REVISION` says, for sources that came without their history; else what git says.
fn revision() -> String {
    let given = std::env::var("BUILD_REVISION")
        .ok()
        .filter(|given| !given.is_empty());
    let revision = given.unwrap_or_else(|| first_line(Command::new("git").args(["rev-parse", "HEAD"])));
    revision.chars().take(REVISION_DIGITS).collect()
}

fn first_line(command: &mut Command) -> String {
    let output = command.output().ok().filter(|output| output.status.success());
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.as_deref()
        .and_then(|text| text.lines().next())
        .unwrap_or("unknown")
        .to_owned()
}
