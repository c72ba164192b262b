//! Where callbacks and errbacks of a canvas go, as Celery's `link` and `link_error` place them.

use super::{Kind, Node, Signature};

impl Node {
    /// Adds a callback: a chain calls it after its last step, a chord after its body. A group calls it after
    /// its first member, without a result: no member has those of the others.
    pub(crate) fn add_link(&mut self, callback: Signature) {
        match &mut self.kind {
            Kind::Task | Kind::Chain(_) => self.signature.options.add_links(&[callback]),
            Kind::Group(members) => {
                if let Some(first) = members.first_mut() {
                    first.add_link(callback.immutable());
                }
            }
            Kind::Chord(chord) => {
                if let Some(body) = &mut chord.body {
                    body.add_link(callback);
                }
            }
        }
    }

    /// Hands the callbacks in the options of a group or a chord to the parts that call them. A chain keeps its
    /// own until its steps are known.
    pub(super) fn settle_links(&mut self) {
        if matches!(self.kind, Kind::Group(_) | Kind::Chord(_)) {
            let link = std::mem::take(&mut self.signature.options.link);
            let errbacks = std::mem::take(&mut self.signature.options.link_error);
            link.into_iter().for_each(|callback| self.add_link(callback));
            self.add_errbacks(&errbacks);
        }
    }

    /// Adds errbacks: to every step of a chain, to every member of a group, to the body of a chord and of
    /// those in its header.
    pub(crate) fn add_errbacks(&mut self, errbacks: &[Signature]) {
        if errbacks.is_empty() {
            return;
        }
        match &mut self.kind {
            Kind::Task | Kind::Chain(_) => self.signature.options.add_errbacks(errbacks),
            Kind::Group(members) => members.iter_mut().for_each(|member| member.add_errbacks(errbacks)),
            Kind::Chord(chord) => {
                let nested = chord.header.iter_mut().filter(|member| matches!(member.kind, Kind::Chord(_)));
                nested.for_each(|member| member.add_errbacks(errbacks));
                if let Some(body) = &mut chord.body {
                    body.add_errbacks(errbacks);
                }
            }
        }
    }
}
