//! Saved groups.

use taskq_core::{
    backend::{Child, ChordHeader, ChordStart, GroupMeta},
    protocol::TaskId,
};

use super::bench::{Bench, claimed, done};

fn group() -> GroupMeta {
    let id = || TaskId::new().to_string();
    let nested = Child { id: id(), parent: None, members: Some(vec![Child::task(id()), Child::task(id())]) };
    let chained = Child { parent: Some(Box::new(Child::task(id()))), ..Child::task(id()) };
    GroupMeta { id: id(), parent: Some(Child::task(id())), members: vec![nested, chained, Child::task(id())] }
}

/// Saved, read, saved again, forgotten.
pub async fn a_saved_group_comes_back_until_it_is_forgotten(bench: &Bench) {
    let mut saved = group();
    assert_eq!(bench.backend.load_group(&saved.id).await.expect("load"), None);
    bench.backend.save_group(&saved).await.expect("save");
    assert_eq!(bench.backend.load_group(&saved.id).await.expect("load").as_ref(), Some(&saved));
    saved.members.pop();
    saved.parent = None;
    bench.backend.save_group(&saved).await.expect("save again");
    assert_eq!(bench.backend.load_group(&saved.id).await.expect("load").as_ref(), Some(&saved));
    bench.backend.forget_group(&saved.id).await.expect("forget");
    assert_eq!(bench.backend.load_group(&saved.id).await.expect("load"), None);
}

/// A header that holds groups is joined by its saved shape.
pub async fn a_complex_header_is_handed_to_the_claimer(bench: &Bench) {
    let shape = group();
    let start = ChordStart { group: shape.id.clone(), size: 1, save: Some(shape.clone()) };
    bench.one.start(&[start]).await.expect("start");
    let claim = claimed(&bench.other, &shape.id, 0, &done(1)).await;
    let ChordHeader::Saved(found) = claim.header else { panic!("{claim:?}") };
    assert_eq!(found, shape);
}
