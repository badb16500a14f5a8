//! `/proc/<pid>/net/route` and `ipv6_route`: which devices hold a default route.

use super::{fields, hexadecimal, lines};

/// `RTF_REJECT` of `linux/route.h`: an unreachable route, which the kernel puts on `lo`.
const RTF_REJECT: u64 = 0x200;

/// Calls `each` with every device that holds an IPv4 default route (`fib_route_seq_show`).
pub fn default_devices_v4<'text>(text: &'text [u8], mut each: impl FnMut(&'text [u8])) {
    for line in lines(text).skip(1) {
        let mut values = fields(line);
        let (Some(device), Some(destination)) = (values.next(), values.next()) else {
            continue;
        };
        // Gateway, Flags, RefCnt, Use and Metric stand between.
        let (flags, mask) = (values.nth(1), values.nth(3));
        let zero = |field: Option<&[u8]>| field.and_then(hexadecimal) == Some(0);
        let rejects = flags
            .and_then(hexadecimal)
            .is_none_or(|flags| flags & RTF_REJECT != 0);
        if zero(Some(destination)) && zero(mask) && !rejects {
            each(device);
        }
    }
}

/// Calls `each` with every device that holds an IPv6 default route (`rt6_info_route`).
pub fn default_devices_v6<'text>(text: &'text [u8], mut each: impl FnMut(&'text [u8])) {
    for line in lines(text) {
        let mut values = fields(line);
        let (destination, prefix) = (values.next(), values.next());
        let (Some(flags), Some(device)) = (values.nth(6), values.next()) else {
            continue;
        };
        let all_zero = destination.is_some_and(|field| field.iter().all(|digit| *digit == b'0'));
        let rejects = hexadecimal(flags).is_none_or(|flags| flags & RTF_REJECT != 0);
        if all_zero && prefix == Some(b"00") && !rejects {
            each(device);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_the_default_route_counts() {
        let text = b"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
        let mut devices = Vec::new();
        default_devices_v4(text, |device| devices.push(device));
        assert_eq!(devices, [b"eth0"]);
    }

    #[test]
    fn the_unreachable_default_of_lo_is_none() {
        let zero = "0".repeat(32);
        let line = |flags: &str, device: &str| {
            format!("{zero} 00 {zero} 00 {zero} 00000400 00000001 00000000 {flags}     {device}\n")
        };
        let text = line("00450003", "eth0") + &line("00200200", "lo");
        let mut devices = Vec::new();
        default_devices_v6(text.as_bytes(), |device| devices.push(device));
        assert_eq!(devices, [b"eth0"]);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..400)) {
            default_devices_v4(&text, |_| {});
            default_devices_v6(&text, |_| {});
        }
    }
}
