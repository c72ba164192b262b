//! Arguments as people and monitors see them, without those that are hidden (`redact`).

use super::{Arguments, Param, ParamKind};
use crate::codec::{CodecError, Map, Value, json, repr};

/// What stands for a value that is hidden.
const MASK: &str = "**";

/// Positional arguments of a task with these parameters, as Python shows them, from their JSON.
pub fn shown_args(json: &[u8], params: &[Param]) -> String {
    if !params.iter().any(|param| repr::hides(param.name)) {
        return repr::raw_args(json);
    }
    match json::from_slice::<Value>(json) {
        Ok(Value::List(args)) => repr::args(&masked(args, params)),
        // Who knows what stands where.
        _ => "(...)".to_owned(),
    }
}

impl Arguments {
    /// Both kinds of arguments of a task with these parameters, as Python shows them.
    pub fn shown(&self, params: &[Param]) -> (String, String) {
        match self {
            Self::Raw { args, kwargs } => (shown_args(args, params), repr::raw_kwargs(kwargs)),
            Self::Values { args, kwargs } => {
                (repr::args(&masked(args.clone(), params)), repr::kwargs(kwargs))
            }
        }
    }

    /// Both kinds as values, without those that are hidden: for what is stored beside a result.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn to_stored(&self, params: &[Param]) -> Result<(Vec<Value>, Map), CodecError> {
        let (args, mut kwargs) = self.to_values()?;
        if !repr::hides_any() {
            return Ok((args, kwargs));
        }
        let mut args = masked(args, params);
        args.iter_mut().for_each(mask_within);
        mask_entries(&mut kwargs);
        Ok((args, kwargs))
    }
}

/// What is hidden by its name in a map, at any depth.
fn mask_within(value: &mut Value) {
    match value {
        Value::Map(map) => mask_entries(map),
        Value::List(items) => items.iter_mut().for_each(mask_within),
        _ => {}
    }
}

fn mask_entries(map: &mut Map) {
    for (name, value) in map {
        match repr::hides(name) {
            true => *value = Value::Str(MASK.to_owned()),
            false => mask_within(value),
        }
    }
}

fn masked(mut args: Vec<Value>, params: &[Param]) -> Vec<Value> {
    let mut params = params.iter().peekable();
    for arg in &mut args {
        let Some(param) = params.peek() else { break };
        if repr::hides(param.name) {
            *arg = Value::Str(MASK.to_owned());
        }
        // A rest takes all that is left.
        if param.kind != ParamKind::Rest {
            params.next();
        }
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARAMS: &[Param] = &[
        Param { name: "user", kind: ParamKind::Required },
        Param { name: "shown_secret", kind: ParamKind::Required },
        Param { name: "shown_rest", kind: ParamKind::Rest },
    ];

    #[test]
    fn hidden_names_are_masked_wherever_their_values_stand() {
        repr::hide(&["Shown_Secret".to_owned(), "shown_rest".to_owned()]);
        let args = br#"["ann", {"a": [1, "}"]}, 7, "more"]"#;
        assert_eq!(shown_args(args, PARAMS), "('ann', '**', '**', '**')");
        // Nobody knows what stands where.
        assert_eq!(shown_args(b"[1, 2]", &[]), "(1, 2)");
        let kwargs = br#"{"user": "ann", "shown_secret": [1, "]"], "deep": {"SHOWN_SECRET": null, "x": 1}}"#;
        let shown = "{'user': 'ann', 'shown_secret': '**', 'deep': {'SHOWN_SECRET': '**', 'x': 1}}";
        assert_eq!(repr::raw_kwargs(kwargs), shown);
        let map: Value = json::from_slice(kwargs).unwrap();
        let same = json::from_slice(kwargs);
        assert_eq!(repr::value(&map), shown);
        let (Ok(Value::List(args)), Value::Map(kwargs)) = (json::from_slice(args), map) else { panic!() };
        let both = Arguments::Values { args, kwargs }.shown(PARAMS);
        assert_eq!(both, ("('ann', '**', '**', '**')".to_owned(), shown.to_owned()));
        let deep = json::from_slice(br#"["ann", 1, [{"shown_rest": 1}]]"#).unwrap();
        let (Value::List(args), Ok(Value::Map(kwargs))) = (deep, same) else { panic!() };
        let (args, kwargs) = Arguments::Values { args, kwargs }.to_stored(&PARAMS[..2]).unwrap();
        assert_eq!(repr::args(&args), "('ann', '**', [{'shown_rest': '**'}])");
        assert_eq!(repr::kwargs(&kwargs), shown);
        assert_eq!(shown_args(b"no list", PARAMS), "(...)");
    }
}
