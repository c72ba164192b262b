//! `/tasks/datatable`: what the tasks page of Flower asks, by GET or POST.

use axum::extract::State;
use taskq_core::codec::{Map, Value};

use super::{
    task::{self, Worker},
    tasks::unreadable,
};
use crate::{
    auth::Caller,
    query::{Page, Search, Sort, SortField, TaskQuery},
    server::{Answer, Params, Refusal, Shared, json},
};

/// Rows of one answer.
const CAP: u64 = 1_000;

const FIELDS: [(&str, SortField); 17] = [
    ("name", SortField::Name),
    ("uuid", SortField::Id),
    ("state", SortField::State),
    ("args", SortField::Args),
    ("kwargs", SortField::Kwargs),
    ("result", SortField::Result),
    ("received", SortField::Received),
    ("started", SortField::Started),
    ("runtime", SortField::Runtime),
    ("worker", SortField::Worker),
    ("exchange", SortField::Exchange),
    ("routing_key", SortField::RoutingKey),
    ("retries", SortField::Retries),
    ("revoked", SortField::Revoked),
    ("exception", SortField::Exception),
    ("expires", SortField::Expires),
    ("eta", SortField::Eta),
];

pub(super) async fn datatable(State(shared): State<Shared>, caller: Caller, params: Params) -> Answer {
    let asked = Asked::read(&params).map_err(Refusal::on_page)?;
    let mut query = TaskQuery::default();
    let mut wrong = None;
    if !asked.search.is_empty() {
        match Search::flower(&asked.search) {
            Ok(search) => query.search = Some(search),
            Err(error) => wrong = Some(error.to_string()),
        }
    }
    query.sort = asked.sort;
    let query = caller.visible(query)?;
    let (mut rows, mut matched) = (Vec::new(), 0);
    let limit = if wrong.is_some() { 0 } else { asked.length };
    let page = Page { offset: asked.start, limit: Some(limit), ..Page::default() };
    // Also for a wrong search: the total is told.
    let found = shared.store.tasks(&query, &page).await.map_err(|error| unreadable(&error))?;
    if wrong.is_none() {
        matched = found.matched;
        rows = task::shown(&shared, &caller, &found.rows, Worker::InPlace)
            .await
            .map_err(|error| unreadable(&error))?;
    }
    let mut body = Map::from_iter([
        ("draw".to_owned(), Value::from(asked.draw)),
        ("data".to_owned(), rows.into_iter().map(Value::Map).collect::<Vec<_>>().into()),
        ("recordsTotal".to_owned(), found.total.into()),
        ("recordsFiltered".to_owned(), matched.into()),
    ]);
    if let Some(error) = wrong {
        body.insert("searchError".to_owned(), error.into());
    }
    Ok(json(body))
}

/// What a page asks for.
struct Asked {
    draw: i64,
    start: u64,
    length: u64,
    search: String,
    sort: Option<Sort>,
}

impl Asked {
    fn read(params: &Params) -> Result<Self, Refusal> {
        let draw = params.required_int("draw")?;
        let start = params.required_int("start")?.max(0).unsigned_abs();
        let length = match params.required_int("length")? {
            ..0 => CAP, // DataTables: all
            length => length.unsigned_abs().min(CAP),
        };
        let search = params.required_raw("search[value]")?.to_owned();
        let column = params.required_int("order[0][column]")?;
        let name = params.required(&format!("columns[{column}][data]"))?;
        let descending = params.required("order[0][dir]")? == "desc";
        let field = FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field);
        Ok(Self { draw, start, length, search, sort: field.map(|field| Sort { field, descending }) })
    }
}
