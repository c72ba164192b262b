//! Orders of lists: by SQLite where a column tells, else here.

use std::cmp::Ordering;

use crate::{
    query::{Sort, SortField},
    record::TaskRecord,
};

/// As SQL; `None` where no column tells.
pub(super) fn sql(sort: &Sort) -> Option<String> {
    let word = |column: &str| format!("(SELECT text FROM word WHERE id = t.{column}) COLLATE NOCASE");
    let by = match sort.field {
        SortField::Id => "t.id".to_owned(),
        SortField::Name => word("name"),
        SortField::State => word("state"),
        SortField::Worker => word("worker"),
        SortField::Queue => word("queue"),
        SortField::Received => "t.received".to_owned(),
        SortField::Sent => "t.sent".to_owned(),
        SortField::Started => "t.started".to_owned(),
        SortField::Timestamp => "t.timestamp".to_owned(),
        SortField::Eta => "t.eta".to_owned(),
        SortField::Runtime => "t.runtime".to_owned(),
        SortField::Retries => "t.retries".to_owned(),
        SortField::Wait => "t.wait".to_owned(),
        SortField::Attempts => "t.attempts".to_owned(),
        _ => return None,
    };
    let way = if sort.descending { "DESC" } else { "ASC" };
    Some(format!("{by} {way}, t.key {way}"))
}

/// Sorts here.
pub(super) fn sort(rows: &mut [TaskRecord], sort: Sort) {
    rows.sort_by(|a, b| {
        let order = number(a, sort.field)
            .partial_cmp(&number(b, sort.field))
            .unwrap_or(Ordering::Equal)
            .then_with(|| text(a, sort.field).cmp(&text(b, sort.field)))
            .then_with(|| a.id.cmp(&b.id));
        if sort.descending { order.reverse() } else { order }
    });
}

fn number(task: &TaskRecord, field: SortField) -> Option<f64> {
    match field {
        SortField::Sent => task.sent,
        SortField::Received => task.received,
        SortField::Started => task.started,
        SortField::Succeeded => task.succeeded,
        SortField::Failed => task.failed,
        SortField::Retried => task.retried,
        SortField::Revoked => task.revoked,
        SortField::Rejected => task.rejected,
        SortField::Timestamp => Some(task.timestamp),
        SortField::Retries => task.retries.map(|retries| retries as f64),
        SortField::Runtime => task.ran(),
        SortField::Wait => task.waited(),
        SortField::Attempts => Some(task.attempts.len() as f64),
        _ => None,
    }
}

fn text(task: &TaskRecord, field: SortField) -> Option<String> {
    let text = match field {
        SortField::Id => Some(&task.id),
        SortField::State => return Some(task.state.as_str().to_lowercase()),
        SortField::Name => task.name.as_ref(),
        SortField::Args => task.args.as_ref(),
        SortField::Kwargs => task.kwargs.as_ref(),
        SortField::Result => task.result.as_ref(),
        SortField::Exception => task.exception.as_ref(),
        SortField::Eta => task.eta.as_ref(),
        SortField::Expires => task.expires.as_ref(),
        SortField::Worker => task.worker.as_ref(),
        SortField::Client => task.client.as_ref(),
        SortField::Queue => task.queue.as_ref(),
        SortField::Exchange => task.exchange.as_ref(),
        SortField::RoutingKey => task.routing_key.as_ref(),
        SortField::RootId => task.root_id.as_ref(),
        SortField::ParentId => task.parent_id.as_ref(),
        _ => None,
    };
    text.map(|text| text.to_lowercase())
}
