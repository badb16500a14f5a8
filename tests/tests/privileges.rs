//! What the exporter can do with no more privileges than the manifests give it.
use anyhow::Result;
use kubeskoop_exporter_tests::lab::containerd::{Cgroups, Containerd, Options, PodExporter};
use kubeskoop_exporter_tests::lab::kustomize::render;

fn uid(n: u32) -> String {
    format!("5d1c5a4e-0010-4000-8000-{n:012x}")
}

#[test]
fn a() -> Result<()> {
    let objects = render("base", &[])?;
    for version in [Cgroups::V1, Cgroups::V2] {
        let c = Containerd::start(version)?;
        for drop in ["", "SYS_ADMIN"] {
            let mut objects = objects.clone();
            let text = serde_json::to_string(&objects.0)?.replace(
                "\"SYS_ADMIN\"",
                if drop.is_empty() {
                    "\"SYS_ADMIN\""
                } else {
                    "\"SYS_PTRACE\""
                },
            );
            objects.0 = serde_json::from_str(&text)?;
            let t = std::time::Instant::now();
            let e = PodExporter::start(
                &c,
                &objects,
                &uid(1 + drop.len() as u32),
                Options {
                    config: "interval: 0\ndebugMode: true\n".into(),
                    ..Default::default()
                },
            )?;
            e.wait_until_ready()?;
            e.scrape()?;
            eprintln!("{version:?} without {drop}: {:?}", t.elapsed());
            eprintln!("{}", e.get("/status")?.body);
            eprintln!("{}", e.get("/debug/entities")?.body);
            eprintln!("{}", e.log());
            eprintln!(
                "{}",
                std::fs::read_to_string(format!("/proc/{}/status", e.pid()?))?
                    .lines()
                    .filter(|l| l.starts_with("Cap") || l.starts_with("Sec") || l.starts_with("NoN"))
                    .collect::<Vec<_>>()
                    .join("\n")
            );
        }
    }
    Ok(())
}
