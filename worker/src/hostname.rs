//! Node names: `celery@host`, with Celery's placeholders.

/// The node name that `template` means on the machine `host`.
pub(crate) fn node_name(template: &str, host: &str) -> String {
    let (first, domain) = host.split_once('.').unwrap_or((host, ""));
    let mut name = String::with_capacity(template.len() + host.len());
    let mut letters = template.chars();
    while let Some(letter) = letters.next() {
        if letter != '%' {
            name.push(letter);
            continue;
        }
        match letters.next() {
            Some('h') => name.push_str(host),
            Some('n') => name.push_str(first),
            Some('d') => name.push_str(domain),
            // Numbers of pool processes: this is the parent.
            Some('i' | 'I') => name.push('0'),
            Some('%') => name.push('%'),
            Some(other) => name.extend(['%', other]),
            None => name.push('%'),
        }
    }
    if !name.contains('@') {
        name.push('@');
        name.push_str(host);
    }
    name
}

#[cfg(test)]
mod tests {
    use super::node_name;

    #[test]
    fn placeholders_are_celerys() {
        let name = |template| node_name(template, "web1.example.com");
        assert_eq!(name("celery@%h"), "celery@web1.example.com");
        assert_eq!(name("w1@%n"), "w1@web1");
        assert_eq!(name("w1.%d"), "w1.example.com@web1.example.com");
        assert_eq!(name("w%i@h-100%%"), "w0@h-100%");
        assert_eq!(name("w1.4f2a@test"), "w1.4f2a@test");
    }
}
