async fn add(x: i64, y: i64) -> i64 {
    x + y
}

fn register() {
    let mut registry = taskq::Registry::new();
    let _ = registry.add_task(add);
}

fn main() {
    register();
}
