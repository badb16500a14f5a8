//! Pods that a container runtime runs.
use anyhow::Result;
use kubeskoop_exporter_tests::lab::containerd::{Cgroups, Container, Containerd, PodSpec};

#[test]
fn a() -> Result<()> {
    for version in [Cgroups::V1, Cgroups::V2] {
        let t = std::time::Instant::now();
        let c = Containerd::start(version)?;
        eprintln!("start {:?}", t.elapsed());
        let pod = c.run(PodSpec {
            namespace: "default".into(),
            name: "a".into(),
            uid: "5d1c5a4e-0001-4000-8000-000000000001".into(),
            ..Default::default()
        })?;
        eprintln!("pod {:?} {}", t.elapsed(), pod.ip()?);
        let id = pod.start(&Container::pod(5, 10, 10))?;
        eprintln!("container {:?} {id}", t.elapsed());
        let pid = pod.pid(&id)?;
        eprintln!("{}", std::fs::read_to_string(format!("/proc/{pid}/cgroup"))?);
        let e = kubeskoop_exporter_tests::lab::exporter::Exporter::builder()
            .config("interval: 0\ndebugMode: true\n")
            .start()?;
        e.scrape()?;
        eprintln!("{:?}", e.get("/debug/entities")?.body);
        drop(e);
        drop(pod);
        eprintln!("dropped {:?}", t.elapsed());
        drop(c);
        eprintln!("dropped {:?}", t.elapsed());
    }
    Ok(())
}
