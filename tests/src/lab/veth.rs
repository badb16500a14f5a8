//! A veth pair between two network namespaces.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::lab::netns::Netns;
use crate::lab::wait::eventually;

/// How long the kernel may take to bring the pair up.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The two ends that [`Netns::connect`] made, in the order of its arguments.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The end in the first namespace, with the address .1.
    pub a: End,
    /// The end in the second namespace, with the address .2.
    pub b: End,
}

/// One end of a veth pair.
#[derive(Clone, Debug)]
pub struct End {
    /// The name of the device.
    pub device: String,
    /// Its IPv4 address, of a network of two hosts.
    pub v4: Ipv4Addr,
    /// Its IPv6 address, of a network of two hosts.
    pub v6: Ipv6Addr,
}

impl End {
    /// Both addresses, for tests that run once a family.
    pub fn addresses(&self) -> [IpAddr; 2] {
        [self.v4.into(), self.v6.into()]
    }
}

/// Makes the pair number N: 10.N/256.N%256.0/30 and `fd00::N:0/126`.
pub(crate) fn connect(a: &Netns, b: &Netns) -> Result<Pair> {
    connect_families(a, b, true)
}

/// The same without IPv6, whose own messages would be traffic that no test has made.
pub(crate) fn connect_v4(a: &Netns, b: &Netns) -> Result<Pair> {
    for netns in [a, b] {
        for devices in ["all", "default"] {
            netns.sysctl(&format!("net/ipv6/conf/{devices}/disable_ipv6"), "1")?;
        }
    }
    connect_families(a, b, false)
}

fn connect_families(a: &Netns, b: &Netns, ipv6: bool) -> Result<Pair> {
    static NUMBER: AtomicU16 = AtomicU16::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let pair = Pair {
        a: end(number, 1),
        b: end(number, 2),
    };
    // Straight into both namespaces: the device never shows up in the one of the machine.
    a.ip([
        "link",
        "add",
        "name",
        &pair.a.device,
        "type",
        "veth",
        "peer",
        "name",
        &pair.b.device,
        "netns",
        b.name(),
    ])?;
    configure(a, &pair.a, ipv6)?;
    configure(b, &pair.b, ipv6)?;
    // Until the carrier has been noticed, what is sent is dropped without a word.
    eventually(TIMEOUT, || {
        Ok(is_up(a, &pair.a.device)? && is_up(b, &pair.b.device)?)
    })
    .with_context(|| format!("{} between {} and {}", pair.a.device, a.name(), b.name()))?;
    Ok(pair)
}

fn end(number: u16, host: u8) -> End {
    let [high, low] = number.to_be_bytes();
    End {
        device: format!("veth{number}-{host}"),
        v4: Ipv4Addr::new(10, high, low, host),
        v6: Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, number, host.into()),
    }
}

fn configure(netns: &Netns, end: &End, ipv6: bool) -> Result<()> {
    let End { device, v4, v6 } = end;
    let v6 = if ipv6 {
        format!("address add {v6}/126 dev {device} nodad\n")
    } else {
        String::new()
    };
    let lines = format!("address add {v4}/30 dev {device}\n{v6}link set {device} up\n");
    netns.ip_batch(&lines)
}

fn is_up(netns: &Netns, device: &str) -> Result<bool> {
    let link = netns.ip(["-o", "link", "show", "dev", device])?;
    Ok(link.contains(" state UP "))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::net::{SocketAddr, UdpSocket};
    use std::thread;

    use super::*;

    /// Sends a datagram there and back.
    fn echo(server_ns: &Netns, client_ns: &Netns, address: IpAddr) -> Result<()> {
        let bind = move |ip: IpAddr| -> Result<UdpSocket> {
            let socket = UdpSocket::bind(SocketAddr::new(ip, 0))?;
            socket.set_read_timeout(Some(TIMEOUT))?;
            Ok(socket)
        };
        let any: IpAddr = if address.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        };
        let server = server_ns.run(|| bind(address))?;
        let client = client_ns.run(|| bind(any))?;
        thread::scope(|scope| {
            let answered = scope.spawn(|| -> Result<()> {
                let mut buffer = [0; 16];
                let (length, from) = server.recv_from(&mut buffer)?;
                server.send_to(&buffer[..length], from)?;
                Ok(())
            });
            client.send_to(b"ping", server.local_addr()?)?;
            let mut buffer = [0; 16];
            let length = client.recv(&mut buffer)?;
            assert_eq!(&buffer[..length], b"ping");
            answered.join().unwrap()
        })
    }

    #[test]
    fn datagrams_pass_at_once_both_ways() {
        let (a, b) = (Netns::new("veth-a").unwrap(), Netns::new("veth-b").unwrap());
        let pair = Netns::connect(&a, &b).unwrap();
        for address in pair.b.addresses() {
            echo(&b, &a, address).unwrap();
        }
        for address in pair.a.addresses() {
            echo(&a, &b, address).unwrap();
        }
    }

    #[test]
    fn one_namespace_can_have_many() {
        let hub = Netns::new("hub").unwrap();
        let spokes: Vec<_> = (0..3).map(|_| Netns::new("spoke").unwrap()).collect();
        let pairs: Vec<_> = spokes
            .iter()
            .map(|spoke| Netns::connect(&hub, spoke).unwrap())
            .collect();
        for (spoke, pair) in spokes.iter().zip(&pairs) {
            for address in pair.b.addresses() {
                echo(spoke, &hub, address).unwrap();
            }
        }
    }
}
