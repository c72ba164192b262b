//! TLS with an authority of one's own.

use std::fs;

use crate::{demo, given, refused, settings, works};

/// A valid authority that has signed nothing.
const ANOTHER_AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----\n\
MIIBjzCCATWgAwIBAgIUbrqgFLpymGmleM8MH2h21EVr6HgwCgYIKoZIzj0EAwIw\n\
HDEaMBgGA1UEAwwRYW5vdGhlciBhdXRob3JpdHkwIBcNMjYxMTIxMDg1MTM3WhgP\n\
MjEyNjEwMjgwODUxMzdaMBwxGjAYBgNVBAMMEWFub3RoZXIgYXV0aG9yaXR5MFkw\n\
EwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAETZF7Ey0iLJObm9k+uZyEMY7tJrdnl5Oo\n\
YogIlpX9bBUEmCmmpA5T1u4TWVqFbT92VszloJrd4C7h83uX/4B2a6NTMFEwHQYD\n\
VR0OBBYEFLHSEse2ZzXO9qfK0tN0s0SmMLmcMB8GA1UdIwQYMBaAFLHSEse2ZzXO\n\
9qfK0tN0s0SmMLmcMA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIg\n\
Ngb7v3cQDU6/vek1eqpBpD18qPgGcsaDVLu1tC26lKwCIQCYtXxEJaUrenBEJXUu\n\
ArJGzsReAEo6xpzFHs7LGz5KZw==\n\
-----END CERTIFICATE-----\n";

/// `TASKQ_TEST_REDIS_TLS_URL`.
fn url() -> String {
    given("TASKQ_TEST_REDIS_TLS_URL")
}

fn shown() -> String {
    let (scheme, rest) = url().split_once("://").map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a URL");
    let (login, place) = rest.rsplit_once('@').expect("a password");
    format!("{scheme}://{}:**@{place}", login.split_once(':').expect("a password").0)
}

/// The same setting for both connections.
fn both(table: &str) -> String {
    format!("broker_use_ssl = {table}\nredis_backend_use_ssl = {table}\n")
}

#[test]
fn a_private_authority_by_setting() {
    let ca = given("TASKQ_TEST_REDIS_CA");
    works(&settings(
        &url(),
        &both(&format!("{{ ssl_ca_certs = \"{ca}\", ssl_cert_reqs = \"CERT_REQUIRED\" }}")),
    ));
}

#[test]
fn a_private_authority_in_the_address() {
    let url = format!("{}?ssl_ca_certs={}", url(), given("TASKQ_TEST_REDIS_CA"));
    works(&settings(&url, ""));
}

/// As in Celery, the setting alone asks for TLS.
#[test]
fn an_address_that_does_not_say_tls() {
    let ca = given("TASKQ_TEST_REDIS_CA");
    let url = url().replacen("rediss://", "redis://", 1);
    works(&settings(&url, &both(&format!("{{ ssl_ca_certs = \"{ca}\" }}"))));
}

#[test]
fn an_authority_that_is_not_named() {
    let said = refused(&settings(&url(), ""));
    assert!(said.contains(&shown()), "{said}");
    assert!(said.contains("not trusted") && said.contains("`ssl_ca_certs`"), "{said}");
}

#[test]
fn another_authority() {
    let dir = tempfile::tempdir().expect("a folder");
    let ca = dir.path().join("other.pem");
    fs::write(&ca, ANOTHER_AUTHORITY).expect("a file");
    let said = refused(&settings(&url(), &both(&format!("{{ ssl_ca_certs = \"{}\" }}", ca.display()))));
    assert!(said.contains(&shown()), "{said}");
    assert!(said.contains("not trusted") && said.contains("`ssl_ca_certs`"), "{said}");
}

#[test]
fn an_authority_that_is_not_there() {
    let said = refused(&settings(&url(), &both("{ ssl_ca_certs = \"/nowhere/ca.pem\" }")));
    assert!(said.contains(&shown()) && said.contains("could not read `/nowhere/ca.pem`"), "{said}");
}

/// Celery's meaning: nothing is verified. A person is told.
#[test]
fn unverified_when_asked_for_with_a_warning() {
    for setting in ["{ ssl_cert_reqs = \"none\" }", "{ ssl_cert_reqs = \"CERT_NONE\" }"] {
        let log = works(&settings(&url(), &both(setting)));
        assert!(log.contains("WARN") && log.contains("`ssl_cert_reqs` is none"), "{log}");
    }
    works(&settings(&format!("{}?ssl_cert_reqs=none", url()), ""));
}

#[test]
fn a_wrong_option_is_refused_before_anything_is_tried() {
    for (table, about) in [
        ("{ ssl_cert_reqs = \"maybe\" }", "`required`, `optional` or `none`"),
        ("{ ca_cert = \"/ca.pem\" }", "`ssl_ca_certs`"),
        ("{ ssl_certfile = \"/c.pem\" }", "belong together"),
    ] {
        let wrong = demo(&settings(&url(), &both(table))).run("call demo.add -a [2,3]");
        let said = wrong.failed(2);
        assert!(said.contains(about), "{table}: {said}");
    }
}
