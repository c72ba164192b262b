//! Certificates that a server must not show: expired, of another authority, for another host. Each is refused at
//! once, by callers and workers, on Redis itself and on its sentinels, and the error names the cure.

use taskq_tests::{redis_server::RedisServer, tls_front::TlsFront};

use crate::{demo, given, refused, settings, works};

/// Certificate, what is said of it, and what mends it.
const WRONG: [(&str, &str, &str); 3] = [
    ("expired", "has expired", "renew it"),
    ("elsewhere", "another host name", "`ssl_check_hostname`"),
    ("foreign", "not trusted", "`ssl_ca_certs`"),
];

fn trusting() -> String {
    format!("ssl_ca_certs = \"{}\"", TlsFront::authority().display())
}

#[test]
fn a_wrong_certificate_of_redis_is_refused() {
    let redis = RedisServer::start();
    let url = |front: &TlsFront| format!("rediss://localhost:{}/0", front.port());
    let more = format!("broker_use_ssl = {{ {0} }}\nredis_backend_use_ssl = {{ {0} }}\n", trusting());
    for (certificate, about, cure) in WRONG {
        let front = TlsFront::start(certificate, redis.port());
        let said = refused(&settings(&url(&front), &more));
        assert!(said.contains(&url(&front)), "{certificate}: {said}");
        assert!(said.contains(about) && said.contains(cure), "{certificate}: {said}");
    }
    let right = TlsFront::start("right", redis.port());
    works(&settings(&url(&right), &more));
}

#[test]
fn a_wrong_certificate_of_a_sentinel_is_refused() {
    let master = given("TASKQ_TEST_REDIS_SENTINEL_MASTER");
    let all = given("TASKQ_TEST_REDIS_SENTINELS");
    let port: u16 = all.split(',').find_map(|place| place.rsplit_once(':')?.1.parse().ok()).expect("a port");
    let table =
        format!("{{ master_name = \"{master}\", sentinel_kwargs = {{ ssl = true, {} }} }}", trusting());
    let more = format!("broker_transport_options = {table}\nresult_backend_transport_options = {table}\n");
    let url = |front: &TlsFront| format!("sentinel://localhost:{}/0", front.port());
    for (certificate, about, cure) in WRONG {
        let front = TlsFront::start(certificate, port);
        let said = refused(&settings(&url(&front), &more));
        assert!(said.contains(&url(&front)), "{certificate}: {said}");
        assert!(said.contains(about) && said.contains(cure), "{certificate}: {said}");
    }
    let right = TlsFront::start("right", port);
    works(&settings(&url(&right), &more));
    // One that is wrong does not spoil one that is right.
    let wrong = TlsFront::start("expired", port);
    let said =
        demo(&settings(&format!("{};{}", url(&wrong), url(&right)), &more)).run("call demo.add -a [2,3]");
    assert_eq!(said.code, 0, "{}", said.stderr);
}
