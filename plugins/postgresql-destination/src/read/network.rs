//! Addresses of networks and of hardware.

use std::net::IpAddr;

use super::plain::hexadecimal;

/// The server's own numbers for the families of addresses.
const FAMILY_4: u8 = 2;
const FAMILY_6: u8 = 3;

/// An address, and how many bits of it are a network's where those are not all.
pub(super) fn inet(text: &str, out: &mut Vec<u8>) -> Option<()> {
    address(text, false, out)
}

/// A network, always with the count of its bits.
pub(super) fn cidr(text: &str, out: &mut Vec<u8>) -> Option<()> {
    text.contains('/').then_some(())?;
    address(text, true, out)
}

fn address(text: &str, is_network: bool, out: &mut Vec<u8>) -> Option<()> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let (family, bytes) = match &address {
        IpAddr::V4(address) => (FAMILY_4, &address.octets()[..]),
        IpAddr::V6(address) => (FAMILY_6, &address.octets()[..]),
    };
    let bits_max = bytes.len() as u8 * 8;
    let bits = match bits {
        Some(bits) if bits.bytes().all(|digit| digit.is_ascii_digit()) => {
            bits.parse().ok().filter(|bits| *bits <= bits_max)?
        }
        Some(_) => return None,
        None => bits_max,
    };
    out.extend_from_slice(&[family, bits, u8::from(is_network), bytes.len() as u8]);
    out.extend_from_slice(bytes);
    Some(())
}

/// Pairs of digits with colons between them.
pub(super) fn hardware<const BYTES: usize>(text: &str, out: &mut Vec<u8>) -> Option<()> {
    let begin = out.len();
    for pair in text.split(':') {
        hexadecimal(pair.as_bytes(), out).filter(|()| pair.len() == 2)?;
    }
    (out.len() - begin == BYTES).then_some(())
}

#[cfg(test)]
mod tests {
    use super::super::Read;
    use super::*;

    #[test]
    fn addresses_are_read_with_their_bits() {
        let mut six = vec![3, 32, 1, 16, 0x20, 0x01, 0x0d, 0xb8];
        six.resize(20, 0);
        let cases: [(Read, &str, Option<&[u8]>); 11] = [
            (inet, "192.168.0.1/24", Some(&[2, 24, 0, 4, 192, 168, 0, 1])),
            (inet, "10.0.0.1", Some(&[2, 32, 0, 4, 10, 0, 0, 1])),
            (inet, "10.0.0.1/33", None),
            (inet, "10.1/16", None),
            (inet, "10.0.0.1/+8", None),
            (cidr, "2001:db8::/32", Some(&six)),
            (cidr, "10.0.0.0", None),
            (hardware::<6>, "08:00:2b:01:02:03", Some(&[8, 0, 0x2b, 1, 2, 3])),
            (hardware::<6>, "08:00:2b:01:02:03:04:05", None),
            (hardware::<8>, "08:00:2b:01:02:03:04:05", Some(&[8, 0, 0x2b, 1, 2, 3, 4, 5])),
            (hardware::<6>, "0800:2b01:0203", None),
        ];
        for (read, text, expect) in cases {
            let mut out = Vec::new();
            let found = read(text, &mut out).map(|()| out.as_slice());
            assert_eq!(found, expect, "{text}");
        }
    }
}
