//! The grammar, with Flower's sentences, and what queries find.

use taskq_core::backend::State;

use super::*;

fn flower(text: &str) -> String {
    Search::flower(text).map_or_else(|error| error.to_string(), |_| "ok".to_owned())
}

#[test]
fn what_flower_refuses_is_refused_with_its_sentence() {
    let deep = format!("{}abc{}", "(".repeat(6), ")".repeat(6));
    for (query, sentence) in [
        ("state:", "Search qualifier requires a value at position 0."),
        ("foo name:", "Search qualifier requires a value at position 4."),
        ("ab", "Substring search terms must contain at least 3 characters at position 0."),
        ("name:\" a \"", "Substring search terms must contain at least 3 characters at position 0."),
        ("NOT foo", "NOT is not supported at position 0."),
        ("foo -bar", "Negation with '-' is not supported at position 4."),
        ("foo \"bar", "Unterminated quoted phrase at position 4."),
        ("\"\"", "Empty search term at position 0."),
        ("()", "Empty group at position 0."),
        ("(foo", "Missing closing parenthesis at position 0."),
        ("foo OR", "OR must be followed by a search term at position 4."),
        ("foo AND OR bar", "AND must be followed by a search term at position 4."),
        ("foo)", "Unexpected ')' at position 3."),
        ("AND foo", "Expected a search term at position 0."),
        (")", "Expected a search term at position 0."),
        (deep.as_str(), "Query nesting exceeds 5 levels at position 5."),
        (&"a".repeat(2_049), "Query exceeds 2048 characters."),
        (&"abc ".repeat(129), "Query exceeds 128 tokens."),
    ] {
        assert_eq!(flower(query), sentence, "{query}");
    }
    for query in
        ["", "  ", "abc", "state:ok", "kwargs:a=b", "((((( abc )))))", "foo:bar", "worker:a\\\"b", "name:-ab"]
    {
        assert_eq!(flower(query), "ok", "{query}");
    }
}

fn task() -> TaskRecord {
    TaskRecord {
        id: "0147d8aa-0000-4000-8000-000000000001".to_owned(),
        name: Some("shop.Charge".to_owned()),
        state: State::Failure,
        worker: Some("alpha@demo".to_owned()),
        queue: Some("payments".to_owned()),
        args: Some("(7,)".to_owned()),
        kwargs: Some("{'tenant': 'acme', 'order': {'id': 12}}".to_owned()),
        exception: Some("ValueError('gateway 503')".to_owned()),
        received: Some(1_000_000_000.0),
        runtime: Some(2.5),
        retries: Some(2),
        ..TaskRecord::default()
    }
}

fn finds(query: &str) -> bool {
    Search::parse(query, 1_000_003_600.0)
        .unwrap_or_else(|error| panic!("{query}: {error}"))
        .0
        .matches(&task())
}

#[test]
fn queries_find_what_they_say() {
    for query in [
        "charge",
        "name:shop.*",
        "name:SHOP.charge",
        "state:failed,retrying queue:payments",
        "-worker:canary*",
        "NOT (name:foo OR name:bar)",
        "kwargs.tenant:acme",
        "kwargs.order.id:12",
        "kwargs:tenant=acme",
        "run:1s..30s",
        "run:>2500ms OR run:2.5",
        "retries:>=2 retries:<3",
        "error:\"gateway 503\"",
        "fingerprint:\"valueerror: gateway #\"",
        "id:0147d8",
        "received:>-2h",
        "received:<now",
        "has:error -has:eta",
        "name:charge,refund",
        "foo OR charge AND state:failure",
    ] {
        assert!(finds(query), "{query}");
    }
    for query in [
        "refund",
        "name:*refund",
        "state:ok",
        "-charge",
        "kwargs.tenant:acm",
        "kwargs:tenant=acm",
        "run:>2500ms",
        "wait:>0",
        "received:>-30m",
        "reason:expired",
        "name:\"shop.*\"",
        "charge -state:failure",
    ] {
        assert!(!finds(query), "{query}");
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    for query in
        ["wait:soon", "attempts:x", "received:nope", "reason:bad", "has:wings", "run:..", "-", "NOT", "- a"]
    {
        let parsed = Search::parse(query, 0.0);
        // A lone sign is a word like any other.
        assert_eq!(parsed.is_err(), !query.starts_with('-'), "{query}: {parsed:?}");
    }
}

mod any {
    use proptest::prelude::*;

    use super::super::*;

    proptest! {
        #[test]
        fn nothing_that_is_typed_breaks_the_parser(text in r#"[a-z:()"\\*.,<>=é -]{0,60}"#) {
            let strict = Search::flower(&text);
            let ours = Search::parse(&text, 1e9);
            // Flower's whole grammar parses, unless a qualifier of ours gives a word another meaning.
            let own = text.contains(':') || text.contains('-');
            prop_assert!(strict.is_err() || ours.is_ok() || own, "{text}: {ours:?}");
        }
    }
}

#[test]
fn a_query_without_payloads_looks_at_none_or_is_refused() {
    let read = |text: &str| Search::parse(text, 0.0).unwrap().without_payloads();
    for named in ["args:x", "kwargs.card:4111", "result:*", "a OR -error:x", "kwargs:a=b"] {
        assert_eq!(read(named), None, "{named}");
    }
    let plain = format!("{:?}", read("-charge state:failure").unwrap());
    assert!(plain.contains("Name") && plain.contains("State") && !plain.contains("Any"), "{plain}");
}
