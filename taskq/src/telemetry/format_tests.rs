//! Both formats, as a program sees them.

use std::{
    io,
    sync::{Arc, Mutex},
};

use super::{human::Human, json::Json};

#[derive(Clone, Default)]
struct Sink(Arc<Mutex<Vec<u8>>>);

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink {
    fn lines(&self) -> Vec<String> {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap().lines().map(str::to_owned).collect()
    }
}

fn say() {
    let (id, root, empty) = ("a-1", "a-1", "");
    tracing::info!(target: "taskq", id, root, empty, runtime = 0.00123, "task succeeded");
    tracing::warn!(target: "taskq", id, root = "r-1", error = "two words\nand a line", "task failed");
}

#[test]
fn people_get_one_line_with_the_fields_that_say_something() {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false);
    tracing::subscriber::with_default(subscriber.event_format(Human).finish(), say);
    let lines = sink.lines();
    let said: Vec<&str> = lines.iter().filter_map(|line| Some(line.split_once(' ')?.1)).collect();
    let expected = [
        "INFO  task succeeded id=a-1 runtime=1.2ms",
        "WARN  task failed id=a-1 root=r-1 error=\"two words\\nand a line\"",
    ];
    assert_eq!(said, expected);
    assert_eq!(lines[0].split(' ').next().unwrap().len(), "12:03:44.120".len());
}

#[test]
fn machines_get_one_object_with_every_field() {
    let sink = Sink::default();
    let writer = sink.clone();
    let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
    tracing::subscriber::with_default(subscriber.event_format(Json).finish(), say);
    let first: serde_json::Value = serde_json::from_str(&sink.lines()[0]).unwrap();
    assert_eq!(first["message"], "task succeeded");
    assert_eq!(
        (&first["level"], &first["root"], &first["runtime"]),
        (&"INFO".into(), &"a-1".into(), &0.00123.into())
    );
    assert!(first["timestamp"].as_str().unwrap().ends_with('Z'));
}
