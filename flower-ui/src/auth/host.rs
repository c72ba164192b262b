//! While nobody is asked who he is, the board answers only under names that cannot be somebody else's: a page
//! of another site whose name is made to point here would otherwise count as ours.

use std::net::IpAddr;

use axum::http::{StatusCode, header::HOST, request::Parts};

use super::{Refused, refused};
use crate::{Options, server::Refusal};

/// Lets pass what was asked under an address, as `localhost`, or under a name of the options.
pub(super) fn known(request: &Parts, options: &Options) -> Result<(), Refused> {
    let Some(host) = request.headers.get(HOST).and_then(|host| host.to_str().ok()) else { return Ok(()) };
    let name = name_of(host);
    let fine = name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
        || name.eq_ignore_ascii_case(&options.address)
        || options.unix_socket.is_some()
        || options.allowed_hosts.iter().any(|allowed| allowed.eq_ignore_ascii_case(name));
    if fine {
        return Ok(());
    }
    let text = format!("this board does not know itself as `{name}`; start it with `--allowed-hosts={name}`");
    Err(refused(Refusal::text(StatusCode::MISDIRECTED_REQUEST, "unknown_host", text)))
}

/// Without the port and the brackets.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_and_brackets_are_no_part_of_the_name() {
        assert_eq!(["[::1]:80", "h:80", "h"].map(name_of), ["::1", "h", "h"]);
    }
}
