//! The configuration of a containerd that leaves no trace on the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};

use super::{IMAGE, tool};

/// What the tests need none of; each would cost time at the start or want something of the machine.
const DISABLED: [&str; 6] = [
    "io.containerd.internal.v1.opt",
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.overlayfs",
    "io.containerd.snapshotter.v1.zfs",
];

/// Writes all of it into `directory`; the bridge is called `bridge`.
pub fn write(directory: &Path, bridge: &str) -> Result<()> {
    fs::create_dir(directory.join("cni"))?;
    fs::write(directory.join("cni/pods.conf"), network(directory, bridge))?;
    fs::write(directory.join("config.toml"), containerd(directory)?)?;
    fs::write(directory.join("runc"), runc()?)?;
    fs::set_permissions(directory.join("runc"), Permissions::from_mode(0o755))?;
    Ok(())
}

/// The text of `config.toml`.
fn containerd(directory: &Path) -> Result<String> {
    let tools = tool("runc")?;
    let tools = tools.parent().context("a directory of tools")?;
    Ok(format!(
        r#"version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = {DISABLED:?}
[grpc]
address = "{directory}/socket"
# It lives for seconds, and its collector would begin while images are still being imported.
[plugins."io.containerd.gc.v1.scheduler"]
startup_delay = "1h"
mutation_threshold = 1000000
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{IMAGE}"
restrict_oom_score_adj = true
netns_mounts_under_state_dir = true
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "native"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
BinaryName = "{directory}/runc"
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{tools}/cni"
conf_dir = "{directory}/cni"
"#,
        directory = directory.display(),
        tools = tools.display(),
    ))
}

/// A program in place of runc that first takes the share of processor time from what a container asks for:
/// where the controllers are those of version 1, the unified hierarchy has none that could give it.
fn runc() -> Result<String> {
    let runc = tool("runc")?;
    Ok(format!(
        r#"#!/bin/sh
take=
for word; do
    [ -z "$take" ] || sed -i 's/,"cpu":{{"shares":[0-9]*}}//' "$word/config.json"
    take=
    [ "$word" != --bundle ] || take=1
done
exec {} "$@"
"#,
        runc.display()
    ))
}

/// A network of the CNI plugins bridge and host-local. The bridge has no address and nothing leads out of
/// it, so that the machine's routes, firewall and sysctls stay as they are.
fn network(directory: &Path, bridge: &str) -> String {
    format!(
        r#"{{
  "cniVersion": "0.4.0",
  "name": "pods",
  "type": "bridge",
  "bridge": "{bridge}",
  "ipam": {{
    "type": "host-local",
    "dataDir": "{directory}/addresses",
    "ranges": [[{{ "subnet": "10.88.0.0/24" }}]]
  }}
}}
"#,
        directory = directory.display(),
    )
}
