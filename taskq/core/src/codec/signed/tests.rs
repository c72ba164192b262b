use rsa::{RsaPrivateKey, pkcs8::EncodePrivateKey, pkcs8::LineEnding, rand_core::OsRng};

use super::*;

/// Somebody who signs, and the store of somebody who trusts them.
struct Pair {
    pem: String,
    key: RsaPrivateKey,
}

impl Pair {
    fn new() -> Self {
        let key = RsaPrivateKey::new(&mut OsRng, 1024).expect("a key");
        let pem = key.to_pkcs8_pem(LineEnding::LF).expect("PEM").to_string();
        Self { pem, key }
    }

    fn certificate(&self, not_after: i64) -> Certificate {
        Certificate::for_tests("wire test 7", self.key.to_public_key(), not_after)
    }

    fn signs(&self) -> Signatures {
        let key = Key::read(self.pem.as_bytes(), None).expect("a key");
        let signer = Signer { key, id: "wire test 7".to_owned() };
        Signatures { signer: Some(signer), store: None, digest: Digest::Sha256 }
    }

    fn trusted(&self, digest: Digest, not_after: i64) -> Signatures {
        let store = Store::of([self.certificate(not_after)]);
        Signatures { signer: None, store: Some(store), digest }
    }
}

const BODY: &[u8] = b"[[2, 3], {}, {}]";

fn refused(signatures: &Signatures, body: &[u8]) -> String {
    let error = signatures.unseal(body).expect_err("refused");
    error.to_string()
}

#[test]
fn what_is_signed_is_read_back_and_nothing_else() {
    let pair = Pair::new();
    let sealed = pair.signs().seal(BODY, Serializer::Json).expect("signed");
    let reader = pair.trusted(Digest::Sha256, i64::MAX);
    assert_eq!(reader.unseal(&sealed).expect("read"), (Serializer::Json, Bytes::from_static(BODY)));

    let plain = BASE64.decode(&sealed).expect("base64");
    let body_at = plain.len() - BODY.len();
    for at in body_at..plain.len() {
        let mut changed = plain.clone();
        changed[at] ^= 1;
        let told = refused(&reader, BASE64.encode(&changed).as_bytes());
        assert!(told.contains("it was changed"), "byte {at}: {told}");
    }
    // A changed byte of the signer, the signature or what is between them never gets a body through, but those of
    // the content type, which Celery does not sign, may say how the proven body is read.
    for at in 0..body_at {
        let mut changed = plain.clone();
        changed[at] ^= 1;
        match reader.unseal(BASE64.encode(&changed).as_bytes()) {
            Err(_) => {}
            Ok((_, inner)) => assert_eq!(inner, BODY, "byte {at}"),
        }
    }
}

#[test]
fn strangers_expired_certificates_and_other_digests_are_refused() {
    let (pair, other) = (Pair::new(), Pair::new());
    let sealed = pair.signs().seal(BODY, Serializer::Json).expect("signed");
    let told = refused(&other.trusted(Digest::Sha256, i64::MAX), &sealed);
    assert!(told.contains("another key"), "{told}");
    let told = refused(&pair.trusted(Digest::Sha512, i64::MAX), &sealed);
    assert!(told.contains("another `security_digest`"), "{told}");
    let told = refused(&pair.trusted(Digest::Sha256, 1), &sealed);
    assert_eq!(told, "the certificate of the signer `wire test 7` has expired");
    let empty = Signatures { signer: None, store: Some(Store::of([])), digest: Digest::Sha256 };
    assert_eq!(refused(&empty, &sealed), "the signer `wire test 7` is not in `security_cert_store`");
}

#[test]
fn what_is_no_signed_message_is_refused_without_a_panic() {
    let reader = Pair::new().trusted(Digest::Sha256, i64::MAX);
    for body in [&b""[..], b"{}", b"====", b"AAEAAQABAAE=", b"\xff\xfe", b"AAEAAQ=="] {
        assert!(!refused(&reader, body).is_empty(), "{body:?}");
    }
}

#[test]
fn every_digest_signs_and_proves() {
    let pair = Pair::new();
    for name in ["sha224", "SHA256", "sha384", "sha512"] {
        let digest = Digest::from_name(name).expect("a digest");
        let signer = Signatures { digest, ..pair.signs() };
        let sealed = signer.seal(BODY, Serializer::Json).expect("signed");
        assert!(pair.trusted(digest, i64::MAX).unseal(&sealed).is_ok(), "{name}");
    }
    assert!(Digest::from_name("md5").unwrap_err().contains("`md5`"));
}

#[test]
fn what_is_no_key_is_refused_and_an_encrypted_one_asks_for_its_password() {
    let pem = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    for (password, told) in
        [(Some("open sesame"), "could not be decrypted"), (None, "set `security_key_password`")]
    {
        let error = Key::read(pem.as_bytes(), password).expect_err("no key");
        assert!(error.contains(told) && !error.contains("sesame"), "{error}");
    }
    assert!(Key::read(b"no key", None).is_err() && Key::read(b"\xff", None).is_err());
}
