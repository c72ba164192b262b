//! The names of the workers, and the options of each.

use super::super::Failure;

/// The node names: as given, or `w1` to `wN`, with the host where there is none.
pub(super) fn expand(given: &[String], host: &str) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = match given {
        [count] if count.parse::<u16>().is_ok() => {
            (1..=count.parse::<u16>().unwrap_or_default()).map(|n| format!("w{n}")).collect()
        }
        names => names.to_vec(),
    };
    let full = |name: &String| if name.contains('@') { name.clone() } else { format!("{name}@{host}") };
    let names: Vec<String> = names.iter().map(full).collect();
    for (n, name) in names.iter().enumerate() {
        if names[..n].contains(name) {
            return Err(Failure::usage(format!("`{name}` is named twice")));
        }
    }
    match names.is_empty() {
        true => Err(Failure::usage("0 workers are none")),
        false => Ok(names),
    }
}

/// The options of each worker: `-Q:web,mail pages` is for these only.
pub(super) fn options(given: &[String], names: &[String]) -> Result<Vec<Vec<String>>, Failure> {
    let mut each = vec![Vec::new(); names.len()];
    let mut given = given.iter().peekable();
    while let Some(token) = given.next() {
        let Some((option, whom)) = token.split_once(':').filter(|(option, _)| is_option(option)) else {
            each.iter_mut().for_each(|options| options.push(token.clone()));
            continue;
        };
        // `-c:1=4` and `-c:1 4`, and switches without a value.
        let (whom, value) = match whom.split_once('=') {
            Some((whom, value)) => (whom, Some(value.to_owned())),
            None => (whom, given.next_if(|next| !next.starts_with('-')).cloned()),
        };
        for at in chosen(whom, names)? {
            each[at].push(option.to_owned());
            each[at].extend(value.clone());
        }
    }
    Ok(each)
}

/// `-Q`, `--queues`; not a value with a colon, such as an address.
fn is_option(text: &str) -> bool {
    let name = text.trim_start_matches('-');
    text.starts_with('-') && !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// Places of the workers that `web,2,4-6` means.
fn chosen(whom: &str, names: &[String]) -> Result<Vec<usize>, Failure> {
    let mut places = Vec::new();
    for part in whom.split(',') {
        let range = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (range.0.parse::<usize>(), range.1.parse::<usize>())
            && (1..=names.len()).contains(&first)
            && (first..=names.len()).contains(&last)
        {
            places.extend(first - 1..last);
            continue;
        }
        let is = |name: &&String| *name == part || name.split('@').next() == Some(part);
        match names.iter().position(|name| is(&name)) {
            Some(at) => places.push(at),
            None => {
                return Err(Failure::usage(format!(
                    "an option is for `{part}`, which is none of the workers"
                ))
                .hint(format!("they are `{}`", names.join("`, `"))));
            }
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(given: &[&str]) -> Vec<String> {
        given.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_number_is_so_many_names() {
        assert_eq!(expand(&texts(&["2"]), "h").unwrap(), ["w1@h", "w2@h"]);
        assert_eq!(expand(&texts(&["web", "mail@x"]), "h").unwrap(), ["web@h", "mail@x"]);
        assert!(expand(&texts(&["web", "web"]), "h").is_err() && expand(&texts(&["0"]), "h").is_err());
    }

    #[test]
    fn options_are_for_all_or_for_some() {
        let names = expand(&texts(&["web", "mail", "slow"]), "h").unwrap();
        let given = ["-l", "INFO", "-Q:web", "pages", "-c:2-3=1", "-E:slow,1", "-b", "redis://h:6379/0"];
        let each = options(&texts(&given), &names).unwrap();
        assert_eq!(each[0], texts(&["-l", "INFO", "-Q", "pages", "-E", "-b", "redis://h:6379/0"]));
        assert_eq!(each[1], texts(&["-l", "INFO", "-c", "1", "-b", "redis://h:6379/0"]));
        assert_eq!(each[2], texts(&["-l", "INFO", "-c", "1", "-E", "-b", "redis://h:6379/0"]));
        for wrong in ["-c:4=1", "-c:typo=1", "-c:0=1", "-c:3-2=1"] {
            assert!(options(&texts(&[wrong]), &names).is_err(), "{wrong}");
        }
    }
}
