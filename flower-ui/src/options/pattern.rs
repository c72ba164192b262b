//! Which addresses may log in, as Flower writes it: one address, several with `|`, or one `.*` before the `@`.

/// Addresses that may log in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EmailPattern {
    /// These.
    Exactly(Vec<String>),
    /// Those that begin and end like this.
    Between(String, String),
}

impl EmailPattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// When it is more than Flower allows: anything else could let strangers in.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let refused = || {
            format!("`{text}` is neither `a@x.org`, nor `a@x.org|b@x.org`, nor one with `.*` before the `@`")
        };
        if let Some((head, tail)) = text.split_once(".*") {
            let plain = |text: &str| {
                text.chars().all(|c| c.is_alphanumeric() || "@._+-\\".contains(c)) && !text.contains(".*")
            };
            let (head, tail) = (head.replace('\\', ""), tail.replace('\\', ""));
            let one_at = !head.contains('@') && tail.matches('@').count() == 1 && !tail.ends_with('@');
            return match one_at && plain(&head) && plain(&tail) {
                true => Ok(Self::Between(head, tail)),
                false => Err(refused()),
            };
        }
        let mut addresses = Vec::new();
        for address in text.split('|').filter(|address| !address.is_empty()) {
            let address = address.replace('\\', "");
            let whole =
                address.split_once('@').is_some_and(|(user, host)| !user.is_empty() && !host.is_empty());
            if !whole || !address.chars().all(|c| c.is_alphanumeric() || "@._+-".contains(c)) {
                return Err(refused());
            }
            addresses.push(address);
        }
        Ok(Self::Exactly(addresses))
    }

    /// Whether it is one of them.
    pub(crate) fn allows(&self, email: &str) -> bool {
        match self {
            Self::Exactly(addresses) => addresses.iter().any(|address| address == email),
            Self::Between(head, tail) => {
                email.len() > head.len() + tail.len()
                    && email.starts_with(head.as_str())
                    && email.ends_with(tail.as_str())
                    && email.matches('@').count() == 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_addresses_meant_may_log_in() {
        let one = EmailPattern::read("a@x.org|b@x.org").unwrap();
        assert!(one.allows("a@x.org") && one.allows("b@x.org"));
        assert!(!one.allows("a@x.org.evil.example") && !one.allows("aa@x.org") && !one.allows(""));
        let all = EmailPattern::read(r".*@x\.org").unwrap();
        assert!(all.allows("any@x.org") && !all.allows("any@xxorg") && !all.allows("a@evil.example@x.org"));
        assert!(!all.allows("@x.org"));
        for wide in [".*", "a@.*", ".*@.*", "(a|b)@x.org", "a"] {
            assert!(EmailPattern::read(wide).is_err(), "{wide}");
        }
        assert!(!EmailPattern::read("").unwrap().allows(""));
    }
}
