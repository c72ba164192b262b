//! Names that occur again and again, stored once.
//!
//! Kept true here: a word is known to readers only after it is stored; there is a bound on how many there are,
//! beyond which a task is kept without the word in its row (its history still has it).

use std::collections::HashMap;

use rusqlite::{Connection, Transaction};

/// What a word names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    Name = 1,
    State = 2,
    Worker = 3,
    Queue = 4,
    Error = 5,
    Reason = 6,
}

const KINDS: usize = 7;
/// Words of one kind.
const MOST: usize = 50_000;

/// All words.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    ids: [HashMap<String, i64>; KINDS],
    texts: HashMap<i64, String>,
}

impl Words {
    pub(super) fn load(conn: &Connection) -> rusqlite::Result<Self> {
        let mut words = Self::default();
        let mut rows = conn.prepare("SELECT id, kind, text FROM word")?;
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            words.put(row.get(1)?, row.get(0)?, row.get(2)?);
        }
        Ok(words)
    }

    fn put(&mut self, kind: usize, id: i64, text: String) {
        if let Some(ids) = self.ids.get_mut(kind) {
            ids.insert(text.clone(), id);
            self.texts.insert(id, text);
        }
    }

    /// The id of a word.
    pub(crate) fn id(&self, kind: Kind, text: &str) -> Option<i64> {
        self.ids[kind as usize].get(text).copied()
    }

    /// The word of an id.
    pub(crate) fn text(&self, id: i64) -> Option<&str> {
        self.texts.get(&id).map(String::as_str)
    }

    /// Those of a kind that fit.
    pub(crate) fn find(&self, kind: Kind, fits: impl Fn(&str) -> bool) -> Vec<i64> {
        let ids = &self.ids[kind as usize];
        let mut found: Vec<i64> = ids.iter().filter(|(text, _)| fits(text)).map(|(_, id)| *id).collect();
        found.sort_unstable();
        found
    }

    /// All of a kind.
    pub(crate) fn all(&self, kind: Kind) -> impl Iterator<Item = &str> {
        self.ids[kind as usize].keys().map(String::as_str)
    }

    /// Whether there may be rows without a word that is nonetheless known.
    pub(crate) fn is_full(&self, kind: Kind) -> bool {
        self.ids[kind as usize].len() >= MOST
    }
}

/// Words that a transaction adds, beside those that are known.
pub(super) struct Adding<'a> {
    pub(super) known: &'a Words,
    added: Vec<(Kind, i64, String)>,
    by_text: HashMap<(Kind, String), i64>,
    /// Words that there was no room for.
    pub(super) folded: u64,
}

impl<'a> Adding<'a> {
    pub(super) fn new(known: &'a Words) -> Self {
        Self { known, added: Vec::new(), by_text: HashMap::new(), folded: 0 }
    }

    /// The id of a word, which is stored if it is new.
    pub(super) fn id(
        &mut self,
        tx: &Transaction<'_>,
        kind: Kind,
        text: &str,
    ) -> rusqlite::Result<Option<i64>> {
        if let Some(id) = self.known.id(kind, text) {
            return Ok(Some(id));
        }
        if let Some(id) = self.by_text.get(&(kind, text.to_owned())) {
            return Ok(Some(*id));
        }
        // A state is in every row.
        if self.known.is_full(kind) && kind != Kind::State {
            self.folded += 1;
            return Ok(None);
        }
        let sql = "INSERT INTO word (kind, text) VALUES (?1, ?2) RETURNING id";
        let id = tx.prepare_cached(sql)?.query_row((kind as i64, text), |row| row.get(0))?;
        self.added.push((kind, id, text.to_owned()));
        self.by_text.insert((kind, text.to_owned()), id);
        Ok(Some(id))
    }

    /// What was added, for [`Words`] once it is committed.
    pub(super) fn finish(self) -> Vec<(Kind, i64, String)> {
        self.added
    }
}

impl Words {
    pub(super) fn add(&mut self, added: Vec<(Kind, i64, String)>) {
        for (kind, id, text) in added {
            self.put(kind as usize, id, text);
        }
    }
}
