//! Copies of what ends a chord: a body, or an errback of a chord that failed.
//!
//! Kept true here: what is sent under a claim says under which one. A worker that dies between sending it and closing
//! its claim leaves a second claim to be given out, and a second copy with it; the copies are alike but for their
//! claims, so that whoever runs one can tell that the other is to be dropped. A message that is delivered again, and
//! its retries, are the same copy.

use crate::{
    backend::ChordClaim,
    codec::{Map, Value},
    protocol::Headers,
};

/// The header of a message that was sent under a claim: an object with `chord`, `run`, `claim` and `place`. Celery's
/// workers do not look at it.
pub const CHORD_HEADER: &str = "taskq_chord";

/// A message that was sent under a claim on a chord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChordCopy {
    /// Group id of the header.
    pub group: String,
    /// Which run of that chord: a frozen one may be sent again after its end.
    pub run: String,
    /// The token of the claim.
    pub token: String,
    /// Its place among what was sent under the claim, from 0. The same in every copy.
    pub place: u32,
}

impl ChordCopy {
    /// What is sent under a claim in that place.
    #[must_use]
    pub fn under(claim: &ChordClaim, place: u32) -> Self {
        let ChordClaim { group, run, token, .. } = claim.clone();
        Self { group, run, token, place }
    }

    /// What the headers of a message say; `None` when it was sent under no claim.
    #[must_use]
    pub fn of(headers: &Headers) -> Option<Self> {
        let header = headers.get(CHORD_HEADER)?;
        let text = |name: &str| header.get(name)?.as_str().map(str::to_owned);
        let place = header.get("place")?.as_u64()?;
        Some(Self {
            group: text("chord")?,
            run: text("run")?,
            token: text("claim")?,
            place: u32::try_from(place).ok()?,
        })
    }

    /// Says so in the headers of a message.
    pub fn mark(&self, headers: &mut Headers) {
        let mut header = Map::default();
        header.insert("chord".into(), self.group.as_str().into());
        header.insert("run".into(), self.run.as_str().into());
        header.insert("claim".into(), self.token.as_str().into());
        header.insert("place".into(), self.place.into());
        headers.extra.insert(CHORD_HEADER.into(), Value::Map(header));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ChordHeader;

    #[test]
    fn a_copy_reads_back_what_it_says() {
        let claim = ChordClaim {
            group: "group".into(),
            run: "run".into(),
            token: "token".into(),
            header: ChordHeader::Members(Vec::new()),
        };
        let mut headers = Headers::new("body", "id".into());
        assert_eq!(ChordCopy::of(&headers), None);
        let copy = ChordCopy::under(&claim, 3);
        copy.mark(&mut headers);
        assert_eq!(ChordCopy::of(&headers), Some(copy));
        headers.extra.insert(CHORD_HEADER.into(), "what somebody else wrote".into());
        assert_eq!(ChordCopy::of(&headers), None);
    }
}
