//! Who a proxy says that somebody is: a header that only some may send.
//!
//! Kept true here: the header is believed from those sources alone; from any other one the request is refused, not
//! answered as if the header were not there.

use std::net::IpAddr;

use axum::{
    extract::ConnectInfo,
    http::{HeaderName, StatusCode, request::Parts},
};

use super::{Refused, refused};
use crate::{
    options::Source,
    server::{Peer, Refusal},
};

/// Longest name that is believed.
const LONG: usize = 300;

/// Where somebody asks from, as the connection has it.
pub(super) fn peer(request: &Parts) -> Option<Peer> {
    request.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(peer)| *peer)
}

/// Whether that is one of the sources.
pub(super) fn is_from(sources: &[Source], peer: Option<Peer>) -> bool {
    peer.is_some_and(|peer| sources.iter().any(|source| has(source, peer)))
}

fn has(source: &Source, peer: Peer) -> bool {
    let bits = |address: IpAddr| match address {
        IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
        IpAddr::V6(address) => address.to_bits(),
    };
    match (source, peer) {
        (Source::Socket, Peer::Socket) => true,
        (Source::Net(net, length), Peer::Address(address)) => {
            // An IPv4 client of an IPv6 socket is still one.
            let address = address.to_canonical();
            let mask = u128::MAX.checked_shl(128 - u32::from(*length)).unwrap_or_default();
            net.is_ipv4() == address.is_ipv4() && (bits(*net) ^ bits(address)) & mask == 0
        }
        _ => false,
    }
}

/// The user that the proxy names; `None` where it names nobody.
pub(super) fn user(
    header: &HeaderName,
    sources: &[Source],
    request: &Parts,
) -> Result<Option<String>, Refused> {
    let mut said = request.headers.get_all(header).iter();
    let Some(first) = said.next() else { return Ok(None) };
    let refuse = |text: String| {
        tracing::warn!(peer = ?peer(request), "{text}");
        Err(refused(Refusal::text(StatusCode::FORBIDDEN, "proxy", text)))
    };
    if !is_from(sources, peer(request)) {
        return refuse(format!("the header `{header}` is not believed from where this was asked"));
    }
    let name = std::str::from_utf8(first.as_bytes()).unwrap_or_default().trim();
    let plain = !name.is_empty() && name.len() <= LONG && !name.chars().any(char::is_control);
    if !plain || said.next().is_some() {
        return refuse(format!("the header `{header}` does not name one user"));
    }
    Ok(Some(name.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_an_address_a_network_or_the_socket() {
        let sources =
            ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "unix"].map(|text| Source::read(text).unwrap());
        let from = |address: &str| is_from(&sources, Some(Peer::Address(address.parse().unwrap())));
        assert!(["10.1.2.3", "192.0.2.7", "2001:db8::1", "::ffff:10.9.9.9"].iter().all(|it| from(it)));
        assert!(["11.0.0.1", "192.0.2.8", "2001:db9::1", "::1", "127.0.0.1"].iter().all(|it| !from(it)));
        assert!(is_from(&sources, Some(Peer::Socket)) && !is_from(&sources[..3], Some(Peer::Socket)));
        assert!(!is_from(&sources, None));
        let all = [Source::read("0.0.0.0/0").unwrap()];
        assert!(is_from(&all, Some(Peer::Address([8, 8, 8, 8].into()))));
        assert!(!is_from(&all, Some(Peer::Address("2001:db8::1".parse().unwrap()))));
        for bad in ["10.0.0.0/33", "::/129", "host", "", "10.0.0.0/", "10.0.0.0/x"] {
            assert!(Source::read(bad).is_err(), "{bad}");
        }
    }
}
