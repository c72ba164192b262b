//! RabbitMQ behind TLS, a second address, and each kind of wrong configuration: from the configuration file to the
//! result, or to an error at once that says how to mend it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use taskq_tests::demo::Demo;
use taskq_tests::given;
use taskq_tests::process::Running;
use taskq_tests::rabbit_server::RabbitServer;
use taskq_tests::tls_front::TlsFront;

/// What a worker needs to start or end, on a loaded machine.
const SOON: Duration = Duration::from_secs(30);

/// The program in a folder with these settings, results by `rpc://`, and a queue that no other test uses.
fn demo(broker: &str, more: &str) -> Demo {
    let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
    let unique = uuid::Uuid::now_v7().simple();
    let toml = format!(
        "broker_url = \"{broker}\"\nresult_backend = \"rpc://\"\ntask_default_queue = \"q-{unique}\"\n\
         publish_timeout = 30\n{more}"
    );
    fs::write(demo.dir().join("taskq.toml"), toml).expect("a configuration file");
    demo
}

fn started(demo: &Demo) -> Running {
    let mut worker = demo.start("worker");
    worker.wait_for_output("ready", SOON);
    worker
}

fn stopped(mut worker: Running) -> String {
    worker.terminate();
    assert!(worker.wait(SOON).success(), "{}", worker.output());
    worker.output()
}

/// A worker runs a task, and the caller reads its result. What the worker logged.
fn works(demo: &Demo) -> String {
    let worker = started(demo);
    assert_eq!(demo.run("call demo.add -a [2,3] --wait=30").ok(), "5");
    stopped(worker)
}

/// Neither a caller nor a worker comes to anything: both end at once, without a password. What the worker said.
fn refused(demo: &Demo) -> String {
    let mut said = String::new();
    for line in ["call demo.add -a [2,3]", "worker"] {
        let finished = demo.run(line);
        assert!(finished.code != 0 && finished.code != 69, "{line} ended with {}", finished.code);
        said = finished.stderr;
        assert!(!said.contains("guest:guest") && !said.contains("wrong@"), "{line}: {said}");
    }
    said
}

fn tls_url() -> String {
    given("TASKQ_TEST_AMQPS_URL")
}

fn ca() -> String {
    format!("ca_certs = \"{}\"", given("TASKQ_TEST_AMQPS_CA"))
}

#[test]
fn tls_with_a_private_authority() {
    works(&demo(&tls_url(), &format!("broker_use_ssl = {{ {} }}", ca())));
    let url = format!("{}?ssl_ca_certs={}", tls_url(), given("TASKQ_TEST_AMQPS_CA"));
    works(&demo(&url, ""));
}

#[test]
fn tls_with_a_certificate_of_the_client() {
    let demo = demo(
        &tls_url(),
        &format!(
            "broker_use_ssl = {{ {}, certfile = \"{}\", keyfile = \"{}\" }}",
            ca(),
            given("TASKQ_TEST_AMQPS_CLIENT_CERT"),
            given("TASKQ_TEST_AMQPS_CLIENT_KEY")
        ),
    );
    let worker = started(&demo);
    let listed = Command::new(given("TASKQ_TEST_RABBITMQCTL"))
        .args(["--quiet", "list_connections", "ssl", "peer_cert_subject"])
        .output()
        .expect("rabbitmqctl");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("CN=client"), "no connection shows a certificate: {listed}");
    stopped(worker);
}

#[test]
fn tls_with_a_certificate_that_does_not_fit_is_refused() {
    let shown = tls_url().replace("guest:guest@", "guest:**@");
    // An authority that is not named; then a name that is not the server's.
    for more in [String::new(), format!("broker_use_ssl = {{ {}, server_hostname = \"elsewhere\" }}", ca())] {
        let said = refused(&demo(&tls_url(), &more));
        assert!(said.contains(&shown) && said.contains("certificate"), "{more}: {said}");
    }
}

/// Certificates that a server must not show; the error names the cure.
#[test]
fn a_wrong_certificate_is_refused() {
    let plain = given("TASKQ_TEST_AMQP_URL");
    let port = plain.trim_end_matches('/').rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let url = |front: &TlsFront| format!("amqps://guest:guest@localhost:{}//", front.port());
    let trusting = format!("broker_use_ssl = {{ ca_certs = \"{}\" }}", TlsFront::authority().display());
    for (certificate, about, cure) in [
        ("expired", "has expired", "renew it"),
        ("elsewhere", "another host name", "`server_hostname`"),
        ("foreign", "not trusted", "`ca_certs`"),
    ] {
        let front = TlsFront::start(certificate, port.expect("a port"));
        let said = refused(&demo(&url(&front), &trusting));
        let shown = url(&front).replace("guest:guest@", "guest:**@");
        assert!(said.contains(&shown), "{certificate}: {said}");
        assert!(said.contains(about) && said.contains(cure), "{certificate}: {said}");
    }
    let right = TlsFront::start("right", port.expect("a port"));
    works(&demo(&url(&right), &trusting));
}

/// Celery's `cert_reqs = none` is not obeyed, and a person is told.
#[test]
fn certificates_are_verified_whatever_the_settings_say() {
    let said = refused(&demo(&tls_url(), "broker_use_ssl = { cert_reqs = \"CERT_NONE\" }"));
    assert!(said.contains("`cert_reqs`: certificates are verified all the same"), "{said}");
    works(&demo(&tls_url(), &format!("broker_use_ssl = {{ {}, cert_reqs = \"CERT_REQUIRED\" }}", ca())));
}

#[test]
fn results_by_rpc_need_rabbitmq() {
    let said = refused(&demo(&given("TASKQ_TEST_REDIS_URL"), ""));
    assert!(said.contains("`rpc://` sends results through RabbitMQ") && said.contains("redis://"), "{said}");
}

#[test]
fn wrong_credentials_and_virtual_hosts_end_a_worker_at_once() {
    let url = given("TASKQ_TEST_AMQP_URL");
    let host = url.trim_end_matches('/');
    for url in [url.replace("guest:guest@", "guest:wrong@"), format!("{host}/nowhere")] {
        let said = refused(&demo(&url, ""));
        assert!(said.contains("guest:**@"), "{url}: {said}");
    }
}

/// Symptom to keep away: a worker that reconnects for ever, because its queue exists with other arguments.
#[test]
fn a_queue_with_other_arguments_ends_a_worker_at_once() {
    let server = RabbitServer::start();
    let queues = |length: u32| {
        format!(
            "task_default_queue = \"there\"\ntask_queues = [{{ name = \"there\", arguments = {{ \"x-max-length\" = \
             {length} }} }}]"
        )
    };
    let demo = |length| {
        let demo = Demo::new(env!("CARGO_BIN_EXE_demo-app"));
        let toml = format!("broker_url = \"{}\"\n{}", server.url(), queues(length));
        fs::write(demo.dir().join("taskq.toml"), toml).expect("a configuration file");
        demo
    };
    stopped(started(&demo(10)));
    let said = demo(20).run("worker");
    let said = said.failed(1);
    for part in ["queue `there`", "x-max-length", "10", "20", "delete it first"] {
        assert!(said.contains(part), "`{part}` is not in: {said}");
    }
}

/// The first address is nobody's; the one that answers dies under the worker, and the third takes over.
#[test]
fn the_next_address_takes_over() {
    let (mut first, second) = (RabbitServer::start(), RabbitServer::start());
    let urls = format!("amqp://guest:guest@127.0.0.1:1//;{};{}", first.url(), second.url());
    let demo = demo(&urls, "");
    let worker = started(&demo);
    assert_eq!(demo.run("call demo.add -a [2,3] --wait=30").ok(), "5");
    first.kill();
    assert_eq!(demo.run("call demo.add -a [3,4] --wait=60").ok(), "7");
    assert!(second.ctl(&["list_queues", "name", "consumers"]).contains("q-"), "nobody consumes there");
    stopped(worker);
}
