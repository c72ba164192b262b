//! What travels between a worker and a child: frames of `length of head, length of body (u32 le each), head,
//! body`. The head is JSON in kombu's dialect, the body bytes that nobody looks at on the way.
//!
//! Kept true here: a frame beyond [`MOST`] is refused before room is made for it.

use std::io::{self, Read};

use bytes::Bytes;
use serde::{Serialize, de::DeserializeOwned};
use taskq_core::codec::json;
use tokio::io::{AsyncRead, AsyncReadExt};

/// The largest head, and the largest body, in bytes.
const MOST: usize = 1 << 30;

/// A frame as it was read.
#[derive(Debug)]
pub(super) struct Frame {
    head: Vec<u8>,
    pub(super) body: Bytes,
}

impl Frame {
    /// What its head says.
    pub(super) fn head<T: DeserializeOwned>(&self) -> io::Result<T> {
        json::from_slice(&self.head).map_err(io::Error::other)
    }

    /// The next frame of a child.
    pub(super) async fn read(from: &mut (impl AsyncRead + Unpin)) -> io::Result<Self> {
        let mut lengths = [0; 8];
        from.read_exact(&mut lengths).await?;
        let (mut head, mut body) = room(lengths)?;
        from.read_exact(&mut head).await?;
        from.read_exact(&mut body).await?;
        Ok(Self { head, body: body.into() })
    }

    /// The next frame of the worker.
    pub(super) fn read_blocking(from: &mut impl Read) -> io::Result<Self> {
        let mut lengths = [0; 8];
        from.read_exact(&mut lengths)?;
        let (mut head, mut body) = room(lengths)?;
        from.read_exact(&mut head)?;
        from.read_exact(&mut body)?;
        Ok(Self { head, body: body.into() })
    }
}

fn room(lengths: [u8; 8]) -> io::Result<(Vec<u8>, Vec<u8>)> {
    let [a, b, c, d, e, f, g, h] = lengths;
    let length = |bytes| u32::from_le_bytes(bytes) as usize;
    let (head, body) = (length([a, b, c, d]), length([e, f, g, h]));
    if head > MOST || body > MOST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("a frame of {head} + {body} bytes")));
    }
    Ok((vec![0; head], vec![0; body]))
}

/// The bytes of a frame.
pub(super) fn encode(head: &impl Serialize, body: &[u8]) -> io::Result<Vec<u8>> {
    let head = json::to_bytes(head).map_err(io::Error::other)?;
    if head.len() > MOST || body.len() > MOST {
        let text = format!("{} + {} bytes are too much for a frame", head.len(), body.len());
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes();
    Ok([&length(&head)[..], &length(body), &head, body].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_written_is_read_back_and_too_much_is_refused() {
        let bytes = encode(&("head", 1.5), b"\0body").unwrap();
        for frame in
            [Frame::read(&mut &bytes[..]).await.unwrap(), Frame::read_blocking(&mut &bytes[..]).unwrap()]
        {
            assert_eq!(frame.head::<(String, f64)>().unwrap(), ("head".to_owned(), 1.5));
            assert_eq!(&frame.body[..], b"\0body");
        }
        assert!(Frame::read(&mut &bytes[..bytes.len() - 1]).await.is_err());
        let huge = Frame::read_blocking(&mut &[255; 64][..]).unwrap_err();
        assert_eq!(huge.kind(), io::ErrorKind::InvalidData);
    }
}
