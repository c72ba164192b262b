//! Compressed bodies and results, as kombu names and lays them out. Inflation is bounded.

use std::io::{Read, Write};

use bytes::Bytes;

use super::{CodecError, CodecErrorKind};

/// The largest body after decompression by default: 256 MiB.
pub const DEFAULT_INFLATE_LIMIT: usize = 256 << 20;

/// What stands before a compressed result: `\0celery-compressed\0<content type>\0<bytes>`.
const RESULT_PREFIX: &[u8] = b"\0celery-compressed\0";

#[derive(Clone, Copy)]
enum Compression {
    Zlib,
    Bzip2,
    Lzma,
    Brotli,
    Zstd,
}

impl Compression {
    fn from_name(name: &str) -> Result<Self, CodecError> {
        match name {
            "zlib" | "gzip" | "application/x-gzip" => Ok(Self::Zlib),
            "bzip2" | "bzip" | "application/x-bz2" | "application/x-bzip2" => Ok(Self::Bzip2),
            "lzma" | "xz" | "application/x-lzma" => Ok(Self::Lzma),
            "brotli" | "application/x-brotli" => Ok(Self::Brotli),
            "zstd" | "zstandard" | "application/zstd" => Ok(Self::Zstd),
            other => Err(CodecError::new(
                CodecErrorKind::UnknownCompression,
                format!("unknown compression `{other}`: known are zlib, bzip2, lzma, brotli and zstd"),
            )),
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            // kombu calls it gzip and writes a zlib stream.
            Self::Zlib => "application/x-gzip",
            Self::Bzip2 => "application/x-bz2",
            Self::Lzma => "application/x-lzma",
            Self::Brotli => "application/x-brotli",
            Self::Zstd => "application/zstd",
        }
    }
}

/// Compresses; answers with the content type for the `compression` header. `name` is a setting's name or such
/// a content type.
///
/// # Errors
/// When the name is not known.
pub fn compress(name: &str, body: &[u8]) -> Result<(&'static str, Bytes), CodecError> {
    let compression = Compression::from_name(name)?;
    let out = deflate(compression, body).map_err(|error| {
        CodecError::new(CodecErrorKind::Value, format!("could not compress with `{name}`: {error}"))
    })?;
    Ok((compression.content_type(), out.into()))
}

fn deflate(compression: Compression, body: &[u8]) -> std::io::Result<Vec<u8>> {
    match compression {
        Compression::Zlib => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(body)?;
            encoder.finish()
        }
        Compression::Bzip2 => {
            let mut encoder = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(body)?;
            encoder.finish()
        }
        Compression::Lzma => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(body)?;
            encoder.finish()
        }
        Compression::Brotli => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 4096, 5, 22).write_all(body)?;
            Ok(out)
        }
        Compression::Zstd => zstd::encode_all(body, 0),
    }
}

/// Decompresses what [`compress`] or kombu wrote, to at most `limit` bytes.
///
/// # Errors
/// When the compression is not known, the stream is broken, or the limit is reached.
pub fn decompress(name: &str, body: &[u8], limit: usize) -> Result<Bytes, CodecError> {
    let reader: Box<dyn Read + '_> = match Compression::from_name(name)? {
        Compression::Zlib => Box::new(flate2::read::ZlibDecoder::new(body)),
        Compression::Bzip2 => Box::new(bzip2::read::BzDecoder::new(body)),
        Compression::Lzma => Box::new(liblzma::read::XzDecoder::new(body)),
        Compression::Brotli => Box::new(brotli::Decompressor::new(body, 4096)),
        Compression::Zstd => {
            Box::new(zstd::Decoder::with_buffer(body).map_err(|error| broken(name, &error))?)
        }
    };
    let mut out = Vec::new();
    reader.take(limit as u64 + 1).read_to_end(&mut out).map_err(|error| broken(name, &error))?;
    if out.len() > limit {
        return Err(CodecError::new(
            CodecErrorKind::TooLarge,
            format!("a body compressed with `{name}` is larger than {limit} bytes when decompressed"),
        ));
    }
    Ok(out.into())
}

fn broken(name: &str, error: &std::io::Error) -> CodecError {
    CodecError::new(CodecErrorKind::Syntax, format!("could not decompress with `{name}`: {error}"))
}

/// Compresses a stored result (`result_compression`).
///
/// # Errors
/// As [`compress`].
pub fn compress_result(name: &str, value: &[u8]) -> Result<Bytes, CodecError> {
    let (content_type, body) = compress(name, value)?;
    let mut out = Vec::with_capacity(RESULT_PREFIX.len() + content_type.len() + 1 + body.len());
    out.extend_from_slice(RESULT_PREFIX);
    out.extend_from_slice(content_type.as_bytes());
    out.push(0);
    out.extend_from_slice(&body);
    Ok(out.into())
}

/// Undoes [`compress_result`]; what is not compressed comes back as it is.
///
/// # Errors
/// As [`decompress`].
pub fn decompress_result(value: &Bytes, limit: usize) -> Result<Bytes, CodecError> {
    let Some(rest) = value.strip_prefix(RESULT_PREFIX) else { return Ok(value.clone()) };
    let Some(end) = memchr::memchr(0, rest) else {
        return Err(CodecError::new(CodecErrorKind::Syntax, "a compressed result without its content type"));
    };
    decompress(&String::from_utf8_lossy(&rest[..end]), &rest[end + 1..], limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_compression_there_and_back() {
        let body = b"[[1, 2], {}, null]".repeat(100);
        for name in ["zlib", "gzip", "bzip2", "lzma", "xz", "brotli", "zstd"] {
            let (content_type, packed) = compress(name, &body).unwrap();
            assert!(packed.len() < body.len() / 2, "{name}");
            assert_eq!(decompress(content_type, &packed, 10_000).unwrap(), body, "{name}");
            let error = decompress(content_type, &packed, 100).unwrap_err();
            assert_eq!(error.kind(), CodecErrorKind::TooLarge, "{name}");
            assert!(decompress(content_type, &packed[..packed.len() / 2], 10_000).is_err(), "{name}");
        }
        assert_eq!(compress("lz77", &body).unwrap_err().kind(), CodecErrorKind::UnknownCompression);
    }

    #[test]
    fn results_carry_their_compression() {
        let packed = compress_result("gzip", b"{\"status\": \"SUCCESS\"}").unwrap();
        assert!(packed.starts_with(b"\0celery-compressed\0application/x-gzip\0\x78\x9c"));
        assert_eq!(decompress_result(&packed, 1000).unwrap(), &b"{\"status\": \"SUCCESS\"}"[..]);
        let plain = Bytes::from_static(b"{}");
        assert_eq!(decompress_result(&plain, 1000).unwrap(), plain);
    }
}
