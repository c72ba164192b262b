//! The compressions of message bodies and results.
//!
//! Nothing inflates beyond the limit it is given, however small it came; and what came small not even that far.

use std::io::{self, Read, Write};

use bytes::Bytes;

use super::{CodecError, CodecErrorKind};

/// The default limit of an inflated body, in bytes.
pub const DEFAULT_INFLATE_LIMIT: usize = 256 << 20;

/// A body may inflate to this many bytes, however small it came,
const FREE: usize = 64 << 20;
/// and beyond that to so many bytes for each that came: more than zlib can do, so only a bomb of the other
/// compressions is refused for it.
const RATIO: usize = 1_100;

/// The memory xz and zstd may ask for besides, in bytes.
const WINDOW: u64 = 128 << 20;

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// `zlib`, which kombu also calls `gzip`: a zlib stream in both cases.
    Zlib,
    /// `bzip2`
    Bzip2,
    /// `lzma`: an .xz container.
    Lzma,
    /// `brotli`
    Brotli,
    /// `zstd`
    Zstd,
}

impl Compression {
    /// The compression of that setting (`zlib`, `gzip`, `bzip2`, `bzip`, `lzma`, `xz`, `brotli`, `zstd`,
    /// `zstandard`) or value of the header `compression`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "zlib" | "gzip" | "application/x-gzip" => Self::Zlib,
            "bzip2" | "bzip" | "application/x-bz2" => Self::Bzip2,
            "lzma" | "xz" | "application/x-lzma" => Self::Lzma,
            "brotli" | "application/x-brotli" => Self::Brotli,
            "zstd" | "zstandard" | "application/zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// The value of the header `compression`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Zlib => "application/x-gzip",
            Self::Bzip2 => "application/x-bz2",
            Self::Lzma => "application/x-lzma",
            Self::Brotli => "application/x-brotli",
            Self::Zstd => "application/zstd",
        }
    }

    fn compress(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let out = Vec::with_capacity(body.len() / 2);
        match self {
            Self::Zlib => {
                let mut encoder = flate2::write::ZlibEncoder::new(out, flate2::Compression::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Bzip2 => {
                let mut encoder = bzip2::write::BzEncoder::new(out, bzip2::Compression::best());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Lzma => {
                let mut encoder = liblzma::write::XzEncoder::new(out, 6);
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Brotli => {
                let mut out = out;
                let mut encoder = brotli::CompressorWriter::new(&mut out, 4096, 5, 22);
                encoder.write_all(body)?;
                encoder.flush()?;
                drop(encoder);
                Ok(out)
            }
            Self::Zstd => zstd::stream::encode_all(body, 0),
        }
    }

    fn reader<'a>(self, body: &'a [u8]) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Zlib => Box::new(flate2::read::ZlibDecoder::new(body)),
            Self::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(body)),
            Self::Lzma => {
                let stream = liblzma::stream::Stream::new_auto_decoder(WINDOW, liblzma::stream::CONCATENATED)
                    .map_err(io::Error::other)?;
                Box::new(liblzma::read::XzDecoder::new_stream(body, stream))
            }
            Self::Brotli => Box::new(brotli::Decompressor::new(body, 4096)),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(body)?;
                decoder.window_log_max(WINDOW.ilog2())?;
                Box::new(decoder)
            }
        })
    }
}

/// Compresses `body`; also gives the value of the header.
///
/// # Errors
/// [`UnknownCompression`](CodecErrorKind::UnknownCompression) when nothing has that name.
pub fn compress(name: &str, body: &[u8]) -> Result<(&'static str, Bytes), CodecError> {
    let compression = named(name)?;
    let compressed = compression.compress(body).map_err(|error| {
        CodecError::new(
            CodecErrorKind::Value,
            format!("could not compress {} bytes with `{name}`: {error}", body.len()),
        )
    })?;
    Ok((compression.content_type(), compressed.into()))
}

/// Decompresses `body`, to at most `limit` bytes.
///
/// # Errors
/// [`UnknownCompression`](CodecErrorKind::UnknownCompression) when nothing has that name,
/// [`TooLarge`](CodecErrorKind::TooLarge) beyond the limit, [`Syntax`](CodecErrorKind::Syntax) when the body is
/// broken or cut.
pub fn decompress(name: &str, body: &[u8], limit: usize) -> Result<Bytes, CodecError> {
    let broken = |error: io::Error| {
        CodecError::new(CodecErrorKind::Syntax, format!("could not decompress `{name}`: {error}"))
    };
    let limit = limit.min(body.len().saturating_mul(RATIO).max(FREE));
    let reader = named(name)?.reader(body).map_err(broken)?;
    let mut inflated = Vec::with_capacity(body.len().saturating_mul(2).min(limit));
    // One byte more than allowed tells too many from just enough.
    let taken = reader.take(limit as u64 + 1).read_to_end(&mut inflated).map_err(broken)?;
    if taken > limit {
        return Err(CodecError::new(
            CodecErrorKind::TooLarge,
            format!("a `{name}` body of {} bytes inflates to more than {limit} bytes", body.len()),
        ));
    }
    Ok(inflated.into())
}

fn named(name: &str) -> Result<Compression, CodecError> {
    Compression::from_name(name).ok_or_else(|| {
        CodecError::new(
            CodecErrorKind::UnknownCompression,
            format!(
                "compression `{name}` is unknown: use `zlib`, `gzip`, `bzip2`, `lzma`, `brotli` or `zstd`"
            ),
        )
    })
}

/// What a compressed result begins with (`result_compression`); its content type and another zero byte follow.
const RESULT_PREFIX: &[u8] = b"\0celery-compressed\0";

/// Compresses an encoded result as the setting `result_compression` does.
///
/// # Errors
/// As [`compress`].
pub fn compress_result(name: &str, result: &[u8]) -> Result<Bytes, CodecError> {
    let (content_type, body) = compress(name, result)?;
    Ok([RESULT_PREFIX, content_type.as_bytes(), b"\0", &body].concat().into())
}

/// Undoes [`compress_result`]; a result that is not compressed comes back as it is.
///
/// # Errors
/// As [`decompress`].
pub fn decompress_result(stored: &Bytes, limit: usize) -> Result<Bytes, CodecError> {
    let Some(rest) = stored.strip_prefix(RESULT_PREFIX) else { return Ok(stored.clone()) };
    let (name, body) = memchr::memchr(0, rest)
        .and_then(|end| Some((std::str::from_utf8(&rest[..end]).ok()?, &rest[end + 1..])))
        .ok_or_else(|| {
            CodecError::new(CodecErrorKind::Syntax, "a compressed result names no content type")
        })?;
    decompress(name, body, limit)
}
