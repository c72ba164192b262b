//! The private RabbitMQ nodes of the tests can be restarted, keep what is durable, and leave nothing behind.

use std::{net::TcpStream, process::Command};

use taskq_tests::{given, rabbit_server::RabbitServer};

#[test]
fn a_private_node_keeps_its_queues_over_a_restart_and_ends_with_the_test() {
    let mut server = RabbitServer::start();
    let evaluated = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"kept\">>), true, false, [], none, \
                     <<\"guest\">>).";
    server.ctl(&["eval", evaluated]);
    server.restart();
    server.ctl(&["await_startup"]);
    let queues = server.ctl(&["list_queues", "name"]);
    assert!(queues.lines().any(|line| line == "kept"), "{queues}");
    let port = server.port();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "the node outlived its owner");
}

#[test]
fn the_node_of_the_run_answers_its_rabbitmqctl() {
    let ctl = given("TASKQ_TEST_RABBITMQCTL");
    let output = Command::new(ctl).args(["--quiet", "list_vhosts"]).output().expect("rabbitmqctl");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).lines().any(|line| line == "/"));
}
