//! Whose a namespace is, and that nobody ever gets the numbers of another.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use kubeskoop_exporter_tests::lab::cgroup::Cgroup;
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::Exporter;
use kubeskoop_exporter_tests::lab::helper::Helper;
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::process::Guard;
use kubeskoop_exporter_tests::lab::traffic;
use kubeskoop_exporter_tests::lab::wait::eventually;
use kubeskoop_exporter_tests::on_both_paths;
use serde_json::Value;

const EVERY_SCRAPE_COLLECTS: &str = "interval: 0\ndebugMode: true\n";
const NOPORTS: &str = "kubeskoop_udp_noports";
const SOON: Duration = Duration::from_secs(10);
/// Start times are counted in ticks of ten milliseconds.
const SOME_TICKS: Duration = Duration::from_millis(60);

fn exporter(path: Path) -> Result<Exporter> {
    path.exporter(EVERY_SCRAPE_COLLECTS)
}

/// A process in a namespace of its own that has no name, ended when dropped.
fn unnamed() -> Result<Guard> {
    let own = netns_of("self")?;
    let guard = Guard::spawn(Command::new("unshare").args(["--net", "sleep", "300"]))?;
    eventually(SOON, || Ok(netns_of(&guard.pid().to_string())? != own))?;
    Ok(guard)
}

fn netns_of(task: &str) -> Result<u64> {
    let link = fs::read_link(format!("/proc/{task}/ns/net"))?;
    let text = link.to_string_lossy();
    let inode = text.trim_start_matches("net:[").trim_end_matches(']');
    inode.parse().with_context(|| format!("the inode in {text}"))
}

/// What the exporter knows of the namespace of a process, as of a new scrape.
fn entity_of(exporter: &Exporter, process: &Guard) -> Result<Value> {
    exporter.entity(netns_of(&process.pid().to_string())?)
}

fn noports(exporter: &Exporter, netns: &str) -> Result<Option<f64>> {
    Ok(exporter.scrape()?.value(NOPORTS, &[("netns", netns)]))
}

fn datagrams_to_closed_port(netns: &Netns, count: usize) -> Result<()> {
    netns.run(|| traffic::udp_to_closed_port(SocketAddr::from(([127, 0, 0, 1], 9)), count))
}

fn a_namespace_that_goes_is_gone_from_the_next_scrape_and_freed_while_scrapes_go_on(
    path: Path,
) -> Result<()> {
    let exporter = exporter(path)?;
    let (stays, goes) = (Netns::new("stays")?, Netns::new("goes")?);
    let pair = Netns::connect(&stays, &goes)?;
    let resident = goes.spawn_sleeper()?;
    let name = goes.name().to_owned();
    assert_eq!(noports(&exporter, &name)?, Some(0.0));
    drop(resident);
    drop(goes);
    for family in exporter.scrape()?.families() {
        let is_left = family
            .samples
            .iter()
            .any(|sample| sample.label("netns") == Some(&name));
        assert!(!is_left, "{} of a namespace that is gone", family.name);
    }
    // The other end of a veth pair goes when the kernel really frees the namespace.
    eventually(SOON, || {
        exporter.scrape()?;
        Ok(!stays.ip(["-br", "link"])?.contains(&pair.a.device))
    })
}

fn processes_that_die_in_the_middle_of_scrapes_harm_nothing(path: Path) -> Result<()> {
    const DEATHS: usize = 150;
    let exporter = exporter(path)?;
    let netns = Netns::new("busy")?;
    datagrams_to_closed_port(&netns, 50)?;
    std::thread::scope(|scope| {
        let deaths =
            scope.spawn(|| (0..DEATHS).try_for_each(|_| output(&mut netns.command("true")).map(drop)));
        let mut scrapes = 0;
        while !deaths.is_finished() || scrapes < 50 {
            let metrics = exporter.scrape()?;
            // In the one scrape whose door closed the namespace may be missing, never wrong.
            let seen = metrics.value(NOPORTS, &[("netns", netns.name())]);
            ensure!(seen.is_none() || seen == Some(50.0), "{seen:?} instead of 50");
            let errors: f64 = metrics
                .samples("kubeskoop_exporter_probe_errors_total")
                .map(|it| it.value)
                .sum();
            ensure!(errors < 1.0, "{errors} errors: {}", exporter.status()?);
            scrapes += 1;
        }
        deaths
            .join()
            .map_err(|_| anyhow::anyhow!("the thread panicked"))?
    })?;
    assert_eq!(noports(&exporter, netns.name())?, Some(50.0));
    Ok(())
}

fn an_inode_used_again_at_once_never_inherits_numbers(path: Path) -> Result<()> {
    const ROUNDS: usize = 20;
    let exporter = exporter(path)?;
    for _ in 0..ROUNDS {
        let old = Netns::new("old")?;
        let inode = old.inode()?;
        datagrams_to_closed_port(&old, 50)?;
        let resident = old.spawn_sleeper()?;
        assert_eq!(noports(&exporter, old.name())?, Some(50.0));
        drop(resident);
        drop(old);
        if let Some(new) = netns_with_inode(inode)? {
            let _resident = new.spawn_sleeper()?;
            assert_eq!(noports(&exporter, new.name())?, Some(0.0));
            assert_eq!(exporter.entity(inode)?["netns"], new.name());
            return Ok(());
        }
    }
    bail!("the kernel used no inode again in {ROUNDS} rounds")
}

/// The kernel hands out the lowest number that is free, to whoever asks next: another test may be
/// the one that gets it, and keep it.
fn netns_with_inode(inode: u64) -> Result<Option<Netns>> {
    for _ in 0..50 {
        let new = Netns::new("new")?;
        if new.inode()? == inode {
            return Ok(Some(new));
        }
    }
    Ok(None)
}

fn a_process_that_changes_its_namespace_after_its_start_is_seen_where_it_is(path: Path) -> Result<()> {
    let exporter = exporter(path)?;
    let own = netns_of("self")?;
    // The shell becomes unshare, which becomes sleep: one pid all along.
    let mover = Guard::spawn(Command::new("sh").args(["-c", "sleep 1; exec unshare --net sleep 300"]))?;
    let pid = mover.pid().to_string();
    assert_eq!(netns_of(&pid)?, own);
    exporter.scrape()?;
    eventually(SOON, || Ok(netns_of(&pid)? != own))?;
    let found = entity_of(&exporter, &mover)?;
    assert_eq!(
        (&found["kind"], &found["processes"]),
        (&"other".into(), &1.into())
    );
    Ok(())
}

#[test]
fn a_process_that_moves_between_scan_and_read_gives_no_numbers_to_the_namespace_it_left() -> Result<()> {
    let (left, entered) = (4_026_532_001_u64, 4_026_532_002_u64);
    let procfs = Procfs::new()?;
    procfs.process(1, 4_026_532_000)?;
    procfs.process(200, left)?;
    let arguments = ["--procfs", &procfs.root.to_string_lossy()];
    let exporter = Exporter::builder()
        .config(EVERY_SCRAPE_COLLECTS)
        .args(arguments)
        .start()?;
    let (left, at_entered) = (format!("ns{left}"), format!("ns{entered}"));
    assert!(noports(&exporter, &left)?.is_some());
    // The process is old, so the scan does not look at it again; the check after the reads does.
    procfs.enter(200, entered)?;
    assert_eq!(noports(&exporter, &left)?, None);
    assert!(noports(&exporter, &at_entered)?.is_some());
    assert_eq!(noports(&exporter, &left)?, None);
    Ok(())
}

fn a_process_whose_main_thread_has_exited_is_read_through_another_thread(path: Path) -> Result<()> {
    let leaderless = Helper::compile("leaderless")?;
    let process = Guard::spawn(Command::new("unshare").arg("--net").arg(leaderless.program()))?;
    let pid = process.pid().to_string();
    // The zombie of a main thread has no namespace any more.
    eventually(SOON, || Ok(netns_of(&pid).is_err()))?;
    let inode = netns_of(&format!("{pid}/task/{}", other_thread(&pid)?))?;
    let metrics = exporter(path)?.scrape()?;
    let label = format!("ns{inode}");
    assert_eq!(metrics.value(NOPORTS, &[("netns", &label)]), Some(0.0));
    assert!(
        metrics
            .value("kubeskoop_netdev_rxbytes", &[("netns", &label)])
            .is_some()
    );
    Ok(())
}

fn other_thread(pid: &str) -> Result<String> {
    for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
        let tid = entry?.file_name().to_string_lossy().into_owned();
        if tid != pid {
            return Ok(tid);
        }
    }
    bail!("process {pid} has no second thread")
}

/// A UID that no other test uses.
fn uid(path: Path, test: u32) -> String {
    format!("5d1c5a4e-000{}-4000-8000-{test:012x}", path as u8)
}

/// An id that no other test uses: its first digit is that of the test, its last that of the path.
fn container(path: Path, digit: char) -> String {
    format!(
        "{}{}",
        digit.to_string().repeat(11),
        (path as u8).to_string().repeat(53)
    )
}

fn of_a_pod_with_two_namespaces_the_one_it_started_in_is_the_pod(path: Path) -> Result<()> {
    let uid = uid(path, 1);
    let cgroup = Cgroup::new(format!("kubepods/burstable/pod{uid}/{}", container(path, 'a')))?;
    let first = unnamed()?;
    std::thread::sleep(SOME_TICKS);
    let second = unnamed()?;
    // The order in which they enter the cgroup must not matter.
    cgroup.add(second.pid())?;
    cgroup.add(first.pid())?;
    let exporter = exporter(path)?;
    let (home, sandbox) = (entity_of(&exporter, &first)?, entity_of(&exporter, &second)?);
    assert_eq!((&home["kind"], &home["pod_uid"]), (&"pod".into(), &uid.into()));
    assert_eq!(home["netns"], container(path, 'a')[..12]);
    assert_eq!(
        (&sandbox["kind"], &sandbox["pod_uid"]),
        (&"other".into(), &Value::Null)
    );
    let metrics = exporter.scrape()?;
    let count = |kind: &str| metrics.value("kubeskoop_exporter_network_namespaces", &[("kind", kind)]);
    assert!(count("pod") >= Some(1.0) && count("other") >= Some(1.0));
    Ok(())
}

fn a_pod_is_known_by_its_path_in_version_two_of_cgroups(path: Path) -> Result<()> {
    let slice = format!(
        "kubepods.slice/kubepods-pod{}.slice",
        uid(path, 2).replace('-', "_")
    );
    pod_is_known(
        path,
        &Cgroup::new(format!("{slice}/cri-containerd-{}.scope", container(path, 'c')))?,
        &uid(path, 2),
    )
}

fn a_pod_is_known_by_its_path_in_version_one_or_a_hybrid_of_cgroups(path: Path) -> Result<()> {
    if !std::path::Path::new("/sys/fs/cgroup/memory/cgroup.procs").exists() {
        println!("SKIP: no version one hierarchy is mounted here; only the parser's tests cover its paths");
        return Ok(());
    }
    pod_is_known(
        path,
        &Cgroup::v1(
            "memory",
            format!("kubepods/besteffort/pod{}/{}", uid(path, 3), container(path, 'd')),
        )?,
        &uid(path, 3),
    )
}

fn pod_is_known(path: Path, cgroup: &Cgroup, uid: &str) -> Result<()> {
    let process = unnamed()?;
    cgroup.add(process.pid())?;
    let found = entity_of(&exporter(path)?, &process)?;
    assert_eq!((&found["kind"], &found["pod_uid"]), (&"pod".into(), &uid.into()));
    assert_eq!(found["container_id"].as_str().map(str::len), Some(64));
    Ok(())
}

fn in_a_private_cgroup_namespace_other_pods_and_the_own_one_are_known(path: Path) -> Result<()> {
    let (own_uid, other_uid) = (uid(path, 4), uid(path, 5));
    let own = Cgroup::new(format!("kubepods/pod{own_uid}/{}", container(path, 'e')))?;
    let beside = Cgroup::new(format!("kubepods/pod{own_uid}/{}", container(path, 'b')))?;
    let other = Cgroup::new(format!("kubepods/pod{other_uid}/{}", container(path, 'f')))?;
    let (neighbour, sidecar) = (unnamed()?, unnamed()?);
    other.add(neighbour.pid())?;
    beside.add(sidecar.pid())?;
    let enter = format!(
        "echo $$ > {}/cgroup.procs; exec unshare --cgroup \"$@\"",
        own.path().display()
    );
    let exporter = path
        .builder()
        .config(EVERY_SCRAPE_COLLECTS)
        .wrap(["sh", "-c", &enter, "sh"])
        .env("POD_UID", &own_uid)
        .start()?;
    path.is_taken(&exporter)?;
    assert_eq!(entity_of(&exporter, &neighbour)?["pod_uid"], other_uid);
    assert_eq!(
        entity_of(&exporter, &sidecar)?["pod_uid"],
        own_uid,
        "its path is /../{}",
        container(path, 'b')
    );
    Ok(())
}

/// A proc tree whose processes are old and can be moved at will.
struct Procfs {
    root: PathBuf,
    _directory: tempfile::TempDir,
}

impl Procfs {
    fn new() -> Result<Self> {
        let directory = tempfile::tempdir()?;
        Ok(Self {
            root: directory.path().to_owned(),
            _directory: directory,
        })
    }

    fn process(&self, pid: u32, netns: u64) -> Result<()> {
        let process = self.root.join(pid.to_string());
        fs::create_dir_all(process.join("ns"))?;
        fs::create_dir_all(process.join("net"))?;
        fs::write(
            process.join("stat"),
            format!("{pid} (x) S {}1 0 0\n", "0 ".repeat(18)),
        )?;
        fs::write(process.join("cgroup"), "0::/\n")?;
        for file in [
            "snmp",
            "snmp6",
            "netstat",
            "dev",
            "sockstat",
            "sockstat6",
            "softnet_stat",
        ] {
            let from = format!("/proc/self/net/{file}");
            fs::write(process.join("net").join(file), fs::read(&from).context(from)?)?;
        }
        self.enter(pid, netns)
    }

    fn enter(&self, pid: u32, netns: u64) -> Result<()> {
        let namespaces = self.root.join(format!("{pid}/ns"));
        let next = namespaces.join("next");
        std::os::unix::fs::symlink(format!("net:[{netns}]"), &next)?;
        fs::rename(next, namespaces.join("net")).context("cannot swap the link")
    }
}

on_both_paths! {
    a_namespace_that_goes_is_gone_from_the_next_scrape_and_freed_while_scrapes_go_on,
    processes_that_die_in_the_middle_of_scrapes_harm_nothing,
    an_inode_used_again_at_once_never_inherits_numbers,
    a_process_that_changes_its_namespace_after_its_start_is_seen_where_it_is,
    a_process_whose_main_thread_has_exited_is_read_through_another_thread,
    of_a_pod_with_two_namespaces_the_one_it_started_in_is_the_pod,
    a_pod_is_known_by_its_path_in_version_two_of_cgroups,
    a_pod_is_known_by_its_path_in_version_one_or_a_hybrid_of_cgroups,
    in_a_private_cgroup_namespace_other_pods_and_the_own_one_are_known,
}
