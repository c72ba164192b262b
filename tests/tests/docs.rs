//! The book against the program: what is a table in both must be the same.

use std::{fmt::Write, fs, path::Path};

use taskq::core::{
    codec::Value,
    config::{SETTINGS, Setting},
};

const BEGIN: &str = "<!-- settings: begin -->\n";
const END: &str = "<!-- settings: end -->\n";

/// The table of `docs/configuration.md`. `TASKQ_TEST_UPDATE=1` writes it.
#[test]
fn the_configuration_page_lists_every_setting() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = fs::read_to_string(&path).unwrap();
    let (head, rest) = page.split_once(BEGIN).expect("the page has no begin mark");
    let (table, tail) = rest.split_once(END).expect("the page has no end mark");
    let expected = render();
    if std::env::var_os("TASKQ_TEST_UPDATE").is_some() {
        fs::write(&path, format!("{head}{BEGIN}{expected}{END}{tail}")).unwrap();
    } else {
        assert!(table == expected, "docs/configuration.md is stale: run this test with TASKQ_TEST_UPDATE=1");
    }
}

fn render() -> String {
    let mut page = String::new();
    let mut section = "";
    for setting in SETTINGS {
        if setting.section != section {
            section = setting.section;
            let title = if section == "taskq" { "taskq's own" } else { section };
            write!(page, "\n## {title}\n\n| setting | default | meaning |\n|---|---|---|\n").unwrap();
        }
        let doc = setting.doc.replace('|', "\\|");
        writeln!(page, "| `{}` | {} | {doc} |", setting.name, default(setting)).unwrap();
    }
    page.push('\n');
    page
}

fn default(setting: &Setting) -> String {
    let value = (setting.default)();
    match value {
        Value::Int(_) | Value::Float(_) if (setting.expected)().starts_with("seconds") => {
            format!("{} s", show(&value))
        }
        _ => show(&value),
    }
}

fn show(value: &Value) -> String {
    match value {
        Value::Null => "none".into(),
        Value::Bool(is) => format!("`{is}`"),
        Value::Int(number) => format!("`{number}`"),
        Value::Float(number) => format!("`{number}`"),
        Value::Str(text) if text.is_empty() => "empty".into(),
        Value::Str(text) => format!("`{text}`"),
        Value::List(items) => format!(
            "`[{}]`",
            items.iter().map(|item| show(item).replace('`', "\"")).collect::<Vec<_>>().join(", ")
        ),
        Value::Map(map) if map.is_empty() => "`{}`".into(),
        other => format!("`{other:?}`"),
    }
}
