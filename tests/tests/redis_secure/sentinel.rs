//! Sentinels: found by name, with passwords of their own.

use taskq_tests::sentinels::Sentinels;

use crate::{demo, given, settings, works};

fn url() -> String {
    let all = given("TASKQ_TEST_REDIS_SENTINELS");
    all.split(',').map(|place| format!("sentinel://{place}")).collect::<Vec<_>>().join(";")
}

/// The same transport options for both connections.
fn both(table: &str) -> String {
    format!("broker_transport_options = {table}\nresult_backend_transport_options = {table}\n")
}

#[test]
fn the_master_is_found_by_its_name() {
    let master = given("TASKQ_TEST_REDIS_SENTINEL_MASTER");
    works(&settings(&url(), &both(&format!("{{ master_name = \"{master}\" }}"))));
}

#[test]
fn a_sentinel_that_is_away_is_passed_over() {
    let master = given("TASKQ_TEST_REDIS_SENTINEL_MASTER");
    let url = format!("sentinel://127.0.0.1:9;{}", url());
    works(&settings(&url, &both(&format!("{{ master_name = \"{master}\" }}"))));
}

#[test]
fn a_name_must_be_given_and_be_known() {
    let wrong = demo(&settings(&url(), "")).run("call demo.add -a [2,3]");
    let said = wrong.failed(2);
    assert!(said.contains("`master_name`") && said.contains("`broker_transport_options`"), "{said}");
    let wrong = demo(&settings(&url(), &both("{ master_name = \"nobody\" }"))).run("call demo.add -a [2,3]");
    assert_ne!(wrong.code, 0);
    assert!(wrong.stderr.contains("`nobody`"), "{}", wrong.stderr);
}

#[test]
fn sentinels_with_a_password() {
    let sentinels = Sentinels::start(Some("hunter2"));
    let name = Sentinels::MASTER;
    let kwargs = |password: &str| {
        both(&format!("{{ master_name = \"{name}\", sentinel_kwargs = {{ password = \"{password}\" }} }}"))
    };
    works(&settings(&sentinels.url(0), &kwargs("hunter2")));

    for options in [kwargs("hunter3"), both(&format!("{{ master_name = \"{name}\" }}"))] {
        let wrong = demo(&settings(&sentinels.url(0), &options)).run("call demo.add -a [2,3]");
        let said = wrong.failed(1);
        assert!(said.contains("password") && !said.contains("hunter"), "{said}");
    }
}
