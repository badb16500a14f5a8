//! The container image: what is in it, and what its binary does with no other file around.

use std::fs::{self, File};
use std::net::UdpSocket;
use std::process::Command;
use std::thread;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, anyhow, bail, ensure};
use kubeskoop_exporter_tests::lab::command::output;
use kubeskoop_exporter_tests::lab::exporter::{Builder, Exporter};
use kubeskoop_exporter_tests::lab::image::{Image, Root, archive, assemble};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::path::Path;
use kubeskoop_exporter_tests::lab::wait::patience;
use object::Endianness;
use object::elf::{DT_NEEDED, FileHeader64, PT_INTERP};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

const BINARY: &str = "/kubeskoop-exporter";
const MIB: u64 = 1 << 20;

/// An exporter of the image, in a container of it.
fn exporter_in(root: &Root, netns: &Netns) -> Builder {
    Exporter::builder().wrap(root.enter(netns)).binary(BINARY)
}

#[test]
fn the_image_has_no_file_but_what_it_needs() -> Result<()> {
    let entries = Image::built()?.entries()?;
    ensure!(entries == ["-rwxr-xr-x 0/0 kubeskoop-exporter"], "{entries:?}");
    Ok(())
}

#[test]
fn the_binary_needs_no_library_and_is_small() -> Result<()> {
    let binary = fs::read(Image::built()?.root()?.path(BINARY))?;
    let data = binary.as_slice();
    let header = FileHeader64::<Endianness>::parse(data)?;
    let endian = header.endian()?;
    for segment in header.program_headers(endian, data)? {
        ensure!(segment.p_type(endian) != PT_INTERP, "it asks for an interpreter");
        let mut entries = segment.dynamic(endian, data)?.unwrap_or_default().iter();
        ensure!(
            entries.all(|entry| entry.tag(endian) != DT_NEEDED),
            "it asks for a library"
        );
    }
    ensure!(data.len() as u64 <= 12 * MIB, "it has {} bytes", data.len());
    let size = fs::metadata(archive()?)?.len();
    ensure!(size <= 15 * MIB, "the archive has {size} bytes");
    Ok(())
}

#[test]
fn its_labels_say_what_it_is_and_of_which_revision() -> Result<()> {
    let image = Image::built()?;
    let container = &image.config()["config"];
    let label = |name: &str| {
        let label = &container["Labels"][format!("org.opencontainers.image.{name}")];
        label
            .as_str()
            .with_context(|| format!("no {name} in {container}"))
    };
    ensure!(label("title")? == "kubeskoop-exporter");
    ensure!(label("description")?.contains("Prometheus exporter"));
    ensure!(label("version")? == env!("CARGO_PKG_VERSION"));
    ensure!(label("source")? == env!("CARGO_PKG_REPOSITORY"));
    ensure!(label("licenses")? == env!("CARGO_PKG_LICENSE"));

    let said = output(Command::new(image.root()?.path(BINARY)).arg("version"))?;
    let (_, said) = said.split_once('(').context("no revision")?;
    let (revision, _) = said.split_once(',').context("no revision")?;
    ensure!(
        !revision.is_empty() && label("revision")?.starts_with(revision),
        "{said}"
    );

    ensure!(
        container["Entrypoint"] == serde_json::json!([BINARY]),
        "{container}"
    );
    for absent in ["Cmd", "User", "WorkingDir", "Volumes"] {
        ensure!(
            container[absent].as_str().is_none_or(str::is_empty),
            "{container}"
        );
    }
    Ok(())
}

#[test]
fn the_same_binary_gives_the_same_image_with_no_network() -> Result<()> {
    let root = Image::built()?.root()?;
    let assembled = |modified: SystemTime| {
        let directory = tempfile::tempdir()?;
        let binary = directory.path().join("kubeskoop-exporter");
        fs::copy(root.path(BINARY), &binary)?;
        File::options()
            .write(true)
            .open(&binary)?
            .set_modified(modified)?;
        let image = assemble(directory.path())?;
        let left = fs::read_dir(directory.path())?.count();
        ensure!(left == 2, "beside binary and archive there are {left}");
        Ok(image.id().to_owned())
    };
    let ids = [assembled(SystemTime::UNIX_EPOCH)?, assembled(SystemTime::now())?];
    ensure!(ids[0] == ids[1], "{ids:?}");
    Ok(())
}

#[test]
fn the_binary_in_the_image_starts_and_serves() -> Result<()> {
    let netns = Netns::new("image")?;
    let root = Image::built()?.root()?;
    let mut exporter = exporter_in(&root, &netns).start()?;
    netns.run(|| {
        Path::Pass.is_taken(&exporter)?;
        exporter.wait_for_probes()?;
        let metrics = exporter.scrape()?;
        for name in [
            "kubeskoop_exporter_build_info",
            "kubeskoop_tcp_activeopens",
            "kubeskoop_packetloss_total",
        ] {
            ensure!(metrics.samples(name).count() > 0, "no {name}");
        }
        Ok(())
    })?;
    let (status, taken) = exporter.terminate()?;
    ensure!(status.success(), "{status}: {}", exporter.log());
    ensure!(taken < patience(Duration::from_secs(5)), "{taken:?}");
    Ok(())
}

#[test]
fn names_are_looked_up_in_the_hosts_file_that_a_container_is_given() -> Result<()> {
    let netns = Netns::new("hosts")?;
    let root = Image::built()?.root()?;
    let Err(error) = exporter_in(&root, &netns).bind("localhost:0").start() else {
        bail!("there is nothing that could say what localhost is");
    };
    let error = format!("{error:#}");
    ensure!(
        error.contains("cannot listen on localhost:0: failed to lookup address information"),
        "{error}"
    );
    root.add("/etc/hosts", "127.0.0.1 localhost\n")?;
    exporter_in(&root, &netns).bind("localhost:0").start()?;
    Ok(())
}

#[test]
fn names_are_asked_of_the_name_server_that_a_container_is_given() -> Result<()> {
    let netns = Netns::new("dns")?;
    let root = Image::built()?.root()?;
    root.add("/etc/resolv.conf", "nameserver 127.0.0.1\n")?;
    let server = netns.run(|| Ok(UdpSocket::bind("127.0.0.1:53")?))?;
    server.set_read_timeout(Some(patience(Duration::from_secs(5))))?;
    let answerer = thread::spawn(move || answer_one_name(&server));
    let exporter = exporter_in(&root, &netns).bind("exporter.example:0").start();
    let asked = answerer
        .join()
        .map_err(|_| anyhow!("the name server panicked"))??;
    ensure!(exporter?.addr()?.ip().is_loopback());
    ensure!(asked == *b"\x08exporter\x07example\0", "{asked:?}");
    Ok(())
}

/// Says to both questions for a name, which is returned, that it is 127.0.0.1 and has no other
/// address.
fn answer_one_name(server: &UdpSocket) -> Result<Vec<u8>> {
    answer_one_question(server)?;
    answer_one_question(server)
}

fn answer_one_question(server: &UdpSocket) -> Result<Vec<u8>> {
    const HEADER: usize = 12;
    const ADDRESS: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 4, 0, 4, 127, 0, 0, 1];
    let mut message = vec![0; 512];
    let (length, client) = server.recv_from(&mut message).context("no question came")?;
    message.truncate(length);
    ensure!(length > HEADER + 4, "no question: {message:?}");
    let (name, kind) = message[HEADER..].split_at(length - HEADER - 4);
    let (name, is_v4) = (name.to_owned(), kind == [0, 1, 0, 1]);
    // It is an answer, with as many records.
    message[2] |= 0x80;
    message[7] = is_v4.into();
    if is_v4 {
        message.extend(ADDRESS);
    }
    server.send_to(&message, client)?;
    Ok(name)
}
