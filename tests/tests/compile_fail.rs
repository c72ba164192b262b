//! Misuse of `#[task]` gets an error that says what to write instead, at the place of the mistake.
//!
//! After a change of a text: `TRYBUILD=overwrite cargo test -p taskq-tests --test compile_fail`, and read the
//! difference.

#[test]
fn misuse_is_explained() {
    trybuild::TestCases::new().compile_fail("compile_fail/*.rs");
}
