//! Where a proxy asks from.

use std::net::IpAddr;

/// An address, a network, or the UNIX socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Addresses of which the first so many bits are these.
    Net(IpAddr, u8),
    /// Whoever may open the socket.
    Socket,
}

impl Source {
    /// Reads `10.0.0.0/8`, `192.0.2.7` or `unix`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn read(text: &str) -> Result<Self, String> {
        if text == "unix" {
            return Ok(Self::Socket);
        }
        let refused =
            || format!("`{text}` is neither an address, nor a network such as `10.0.0.0/8`, nor `unix`");
        let (address, length) =
            text.split_once('/').map_or((text, None), |(net, length)| (net, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| refused())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(most), |length| length.parse().map_err(|_| refused()))?;
        if length > most { Err(refused()) } else { Ok(Self::Net(address, length)) }
    }
}
