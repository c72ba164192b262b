//! Users, passwords, and a unix socket.

use std::time::{Duration, Instant};

use crate::{given, refused, settings, works};

/// A password that no server answers is not found out by waiting.
const AT_ONCE: Duration = Duration::from_secs(15);

fn acl() -> String {
    given("TASKQ_TEST_REDIS_ACL_URL")
}

#[test]
fn a_user_with_its_password() {
    works(&settings(&acl(), ""));
}

#[test]
fn a_wrong_password_is_an_error_at_once_without_the_password() {
    let (login, place) =
        acl().rsplit_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a password");
    let user = login.rsplit_once(':').expect("a user").0;
    let began = Instant::now();
    let said = refused(&settings(&format!("{user}:hunter2@{place}"), ""));
    assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
    assert!(said.contains(&format!("{user}:**@{place}")) && !said.contains("hunter2"), "{said}");
    assert!(said.contains("password"), "{said}");
}

#[test]
fn no_password_where_one_is_needed() {
    let url = acl();
    let place = url.rsplit_once('@').expect("a password").1;
    let said = refused(&settings(&format!("redis://{place}"), ""));
    assert!(said.contains("password"), "{said}");
}

#[test]
fn a_unix_socket() {
    let path = given("TASKQ_TEST_REDIS_SOCKET");
    works(&settings(&format!("redis+socket://{path}?virtual_host=3"), ""));
    works(&settings(&format!("unix://{path}"), ""));
}

#[test]
fn a_unix_socket_that_is_not_there() {
    let demo = crate::demo(&settings("redis+socket:///nowhere/redis.sock", ""));
    let wrong = demo.run("call demo.add -a [2,3]");
    let said = wrong.failed(69);
    assert!(said.contains("/nowhere/redis.sock"), "{said}");
}
