//! Values, in every format and compression.

use bytes::Bytes;
use taskq_core::codec::{Accept, CodecErrorKind, Serializer, Value, compress, json};

use crate::recordings::{self, shown};

#[test]
fn every_encoding_is_read_and_written_again() {
    let recording = recordings::case("none.serializers");
    let mut seen = 0;
    for encoding in recording["encodings"].as_array().unwrap() {
        let (format, case) = (encoding["serializer"].as_str(), encoding["case"].as_str().unwrap());
        let raw = recordings::raw(&encoding["raw"]);
        let content_type = encoding["content_type"].as_str().unwrap();
        let Ok(serializer) = Accept::all().check(content_type) else {
            assert!(matches!(format, Some("pickle") | None), "{case} of {format:?} is refused");
            continue;
        };
        if serializer.name() == "auth" {
            // Celery gives signed messages the content type of raw ones, which are not read.
            assert!(matches!(format, Some("raw") | None), "{case} of {format:?}");
            continue;
        }
        assert_eq!(Some(serializer.name()), format);
        assert_eq!(serializer.content_encoding(), encoding["content_encoding"]);
        let value = serializer.decode(&raw).unwrap_or_else(|error| panic!("{case} of {format:?}: {error}"));
        if let Some(expected) = encoding.get("value") {
            assert_eq!(shown(&value), *expected, "{case} of {format:?}");
        }
        assert_again(serializer, &value, case);
        seen += 1;
    }
    assert!(seen > 20, "only {seen} encodings");
}

/// Written by us and read by us; in JSON also the same tokens that kombu wrote.
fn assert_again(serializer: Serializer, value: &Value, case: &str) {
    let again = serializer.decode(&serializer.encode(value).unwrap()).unwrap();
    // `NaN` is not equal to itself.
    assert_eq!(format!("{again:?}"), format!("{value:?}"), "{case} of `{serializer}`");
}

#[test]
fn markers_are_written_as_kombu_writes_them() {
    let recording = recordings::case("none.serializers");
    for encoding in recording["encodings"].as_array().unwrap() {
        let raw = recordings::raw(&encoding["raw"]);
        if encoding["serializer"] != "json" || !raw.starts_with(b"{\"__type__\": ") {
            continue;
        }
        let value: Value = json::from_slice(&raw).unwrap();
        if encoding["case"] == "look-alike" {
            assert!(matches!(value, Value::Map(_)));
            continue;
        }
        assert!(!matches!(value, Value::Map(_)), "{value:?}");
        assert_eq!(json::to_bytes(&value).unwrap(), raw);
    }
}

#[test]
fn every_compression_is_read_and_written_again() {
    let recording = recordings::case("none.compression");
    let text = "compress me ".repeat(10);
    for sample in recording["compressed"].as_array().unwrap() {
        let (alias, header) = (sample["alias"].as_str().unwrap(), sample["header_value"].as_str().unwrap());
        let raw = recordings::raw(&serde_json::json!({ "base64": sample["raw_base64"] }));
        assert_eq!(compress::decompress(header, &raw, 1 << 20).unwrap(), text, "{alias}");
        let (content_type, ours) = compress::compress(alias, text.as_bytes()).unwrap();
        assert_eq!(content_type, header);
        assert_eq!(compress::decompress(header, &ours, text.len()).unwrap(), text, "{alias}");
        let error = compress::decompress(header, &ours, text.len() - 1).unwrap_err();
        assert_eq!(error.kind(), CodecErrorKind::TooLarge, "{alias}: {error}");
        let cut = compress::decompress(header, &ours[..ours.len() - 2], 1 << 20);
        assert!(cut.is_err(), "{alias}: a cut body gives {cut:?}");
        assert!(compress::decompress(header, b"rubbish, not compressed", 1 << 20).is_err(), "{alias}");
    }
    let error = compress::decompress("application/x-snappy", b"", 1).unwrap_err();
    assert_eq!(error.kind(), CodecErrorKind::UnknownCompression);
}

#[test]
fn results_are_read_in_every_format() {
    let mut seen = 0;
    for (name, recording) in recordings::cases("redis.result.value-") {
        for result in recording["results"].as_array().into_iter().flatten() {
            let raw = recordings::raw(&result["raw"]);
            let value: Value = json::from_slice(&raw).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(value.get("status").is_some(), "{name}: {value:?}");
            assert_again(Serializer::Json, &value, &name);
            seen += 1;
        }
    }
    assert!(seen > 10, "only {seen} results");
    for (name, format) in [("plain", "json"), ("msgpack", "msgpack"), ("yaml", "yaml"), ("gzip", "json")] {
        let recording = recordings::case(&format!("redis.backend.{name}"));
        let serializer = Serializer::from_name(format).unwrap();
        for stored in recording["stored"].as_array().unwrap() {
            let raw = recordings::raw(&stored["raw"]);
            let raw = compress::decompress_result(&raw, 1 << 20).unwrap();
            let value = serializer.decode(&raw).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(value.get("status").or(value.get("result")).is_some(), "{name}: {value:?}");
            assert_again(serializer, &value, name);
        }
    }
    let compressed = compress::compress_result("zstd", b"{}").unwrap();
    assert_eq!(compress::decompress_result(&compressed, 2).unwrap(), "{}");
    assert_eq!(compress::decompress_result(&Bytes::from_static(b"{}"), 2).unwrap(), "{}");
}
