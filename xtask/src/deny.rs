//! `cargo xtask deny`: what may come into the build, by the rules of `deny.toml`.
//!
//! Licences, sources and banned crates are looked at here, without the network and in a second. Advisories need the
//! database that `cargo deny` fetches: where that program is installed it is run as well, else that is said.

use std::collections::BTreeSet;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use spdx::{Expression, ParseMode};

use crate::{progress, workspace};

/// The one registry that is not unknown.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// What `deny.toml` says.
struct Rules {
    licences: BTreeSet<String>,
    banned: BTreeSet<String>,
}

/// Looks at every package that any feature on any platform brings.
pub(crate) fn run() -> Result<ExitCode> {
    let rules = rules()?;
    let metadata = metadata()?;
    let packages = metadata["packages"].as_array().context("`cargo metadata` lists no packages")?;
    let wrong: Vec<String> = packages.iter().flat_map(|package| rules.against(package)).collect();
    for line in &wrong {
        eprintln!("error: {line}");
    }
    if !wrong.is_empty() {
        return Ok(ExitCode::FAILURE);
    }
    println!("licences, sources and bans: {} packages", packages.len());
    if workspace::find("cargo-deny").is_none() {
        progress::note(format_args!(
            "advisories: not looked at, `cargo-deny` is not installed (`cargo install --locked cargo-deny`)"
        ));
        return Ok(ExitCode::SUCCESS);
    }
    let status =
        Command::new(workspace::cargo()).args(["deny", "check"]).current_dir(workspace::root()).status();
    let status = status.context("could not run `cargo deny`")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn rules() -> Result<Rules> {
    let file = workspace::root().join("deny.toml");
    let text =
        std::fs::read_to_string(&file).with_context(|| format!("could not read `{}`", file.display()))?;
    let read: toml::Table = text.parse().with_context(|| format!("could not read `{}`", file.display()))?;
    let list = |table: &str, key: &str| {
        let list = read.get(table).and_then(|table| table.get(key)).and_then(toml::Value::as_array);
        list.with_context(|| format!("`{}` has no list `{key}` in `[{table}]`", file.display()))
    };
    let texts =
        |list: &[toml::Value]| list.iter().filter_map(|text| Some(text.as_str()?.to_owned())).collect();
    let banned = list("bans", "deny")?.iter().filter_map(|ban| Some(ban.get("name")?.as_str()?.to_owned()));
    Ok(Rules { licences: texts(list("licenses", "allow")?), banned: banned.collect() })
}

fn metadata() -> Result<Json> {
    let mut command = Command::new(workspace::cargo());
    command.args(["metadata", "--locked", "--all-features", "--format-version", "1"]);
    let output = command.current_dir(workspace::root()).stderr(Stdio::inherit()).output();
    let output = output.context("could not run `cargo metadata`")?;
    if !output.status.success() {
        bail!("`cargo metadata` ended with {}", output.status);
    }
    serde_json::from_slice(&output.stdout).context("`cargo metadata` is not JSON")
}

impl Rules {
    /// What speaks against a package.
    fn against(&self, package: &Json) -> Vec<String> {
        let text = |key: &str| package[key].as_str();
        let name = text("name").unwrap_or_default();
        let shown = format!("`{name}` {}", text("version").unwrap_or_default());
        let mut wrong = Vec::new();
        if self.banned.contains(name) {
            wrong.push(format!("{shown} is banned in `deny.toml`"));
        }
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["req"] == "*" && dependency["path"].is_null() && package["source"].is_null() {
                wrong.push(format!(
                    "{shown} takes any version of `{}`",
                    dependency["name"].as_str().unwrap_or("?")
                ));
            }
        }
        // Our own packages are of no registry, and their licence is ours.
        let Some(source) = text("source") else { return wrong };
        if source != REGISTRY {
            wrong.push(format!("{shown} comes from `{source}`"));
        }
        if let Err(why) = self.licence(text("license")) {
            wrong.push(format!("{shown}: {why}"));
        }
        wrong
    }

    fn licence(&self, said: Option<&str>) -> Result<(), String> {
        let said = said.ok_or("it names no licence")?;
        let read = Expression::parse_mode(said, ParseMode::LAX);
        let read = read.map_err(|error| format!("its licence `{said}` cannot be read: {}", error.reason))?;
        match read.evaluate(|licence| self.licences.contains(&licence.to_string())) {
            true => Ok(()),
            false => Err(format!("its licence `{said}` is not among those that `deny.toml` allows")),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn against(package: &Json) -> String {
        rules().expect("`deny.toml` is read").against(package).join("; ")
    }

    fn package(licence: &str) -> Json {
        json!({"name": "some", "version": "1.0.0", "source": REGISTRY, "license": licence})
    }

    #[test]
    fn a_licence_is_enough_where_one_may_choose_and_all_are_needed_where_not() {
        for allowed in
            ["MIT", "MIT/Apache-2.0", "GPL-3.0-only OR MIT", "(MIT OR GPL-3.0-only) AND Unicode-3.0"]
        {
            assert_eq!(against(&package(allowed)), "", "{allowed}");
        }
        for refused in ["GPL-3.0-only", "MIT AND GPL-3.0-only", "no such licence"] {
            assert!(against(&package(refused)).contains(refused), "{refused}");
        }
        assert!(against(&json!({"name": "some", "source": REGISTRY})).contains("names no licence"));
    }

    #[test]
    fn other_sources_and_banned_crates_are_named() {
        let mut package = package("MIT");
        package["source"] = json!("git+https://example.org/some");
        package["name"] = json!("openssl-sys");
        let said = against(&package);
        assert!(said.contains("`openssl-sys` 1.0.0 is banned") && said.contains("example.org"), "{said}");
        let ours = json!({"name": "ours", "version": "0.1.0", "dependencies": [{"name": "any", "req": "*", "path": null}]});
        assert_eq!(against(&ours), "`ours` 0.1.0 takes any version of `any`");
    }
}
