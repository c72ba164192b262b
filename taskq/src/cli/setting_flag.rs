//! A setting given on the command line.

use super::Failure;

/// A setting and how the command line named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SettingFlag {
    /// For messages: `--concurrency`.
    pub(crate) flag: String,
    /// The setting.
    pub(crate) name: String,
    /// Its value; read as the setting's type when the settings are loaded.
    pub(crate) text: String,
}

impl SettingFlag {
    /// What `flag` stands for.
    pub(crate) fn new(flag: impl Into<String>, name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { flag: flag.into(), name: name.into(), text: text.into() }
    }

    /// Reads `name=value`, as it stands after `--`.
    pub(crate) fn parse(pair: &str) -> Result<Self, Failure> {
        match pair.split_once('=') {
            Some((name, text)) if !name.trim().is_empty() => {
                Ok(Self::new(format!("-- {}", name.trim()), name.trim(), text))
            }
            _ => Err(Failure::usage(format!("`{pair}` is no setting"))
                .hint("after `--` write `name=value`, such as `-- result_expires=1h`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_equals_sign_splits() {
        let flag = SettingFlag::parse("broker_url=redis://h/?a=b").unwrap();
        assert_eq!((flag.name.as_str(), flag.text.as_str()), ("broker_url", "redis://h/?a=b"));
        assert!(SettingFlag::parse("result_expires").is_err());
    }
}
