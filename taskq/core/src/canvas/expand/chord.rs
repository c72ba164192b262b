//! Chords: a header that is sent, each member with the body inside.

use super::{Call, Run, steps::strip};
use crate::{
    Error, ErrorKind,
    backend::{Child, GroupMeta},
    canvas::{
        Chord, Signature,
        freeze::{Place, after, freeze_members},
    },
    codec::{Map, Value},
    protocol::{Arguments, TaskId},
    routing::RouteQuery,
    send::SendOptions,
};

/// Celery's first look at the header of a chord that no backend counts.
const FIRST_LOOK_SECONDS: u64 = 1;

impl Run<'_> {
    pub(super) fn chord(
        &mut self,
        signature: Signature,
        mut chord: Chord,
        call: Call<'_>,
    ) -> Result<Option<Child>, Error> {
        let Some(mut body) = chord.body.take() else {
            return Err(Error::new(ErrorKind::Encode, "a chord has no body"));
        };
        let mut options = signature.options;
        // The group's id stands here in chords that are frozen, the body's in others.
        let id = options.task_id.take();
        let mut given = call.options.clone();
        let body_id = given.task_id.take().or_else(|| id.clone());
        let delay =
            (given.countdown.take().or(options.countdown.take()), given.eta.take().or(options.eta.take()));
        let mut for_body = given.clone();
        (for_body.link, for_body.link_error) = (Vec::new(), Vec::new());
        forget_parent(&mut for_body);
        let own = std::mem::take(&mut body.signature.options);
        body.signature.options = own.merged(&for_body);

        options = options.overridden(&given);
        let polled =
            (options.properties.shift_remove("interval"), options.properties.shift_remove("max_retries"));
        std::mem::take(&mut options.link).into_iter().for_each(|callback| body.add_link(callback));
        body.add_errbacks(&std::mem::take(&mut options.link_error));
        let mut for_body = options.clone();
        forget_parent(&mut for_body);
        let own = std::mem::take(&mut body.signature.options);
        body.signature.options = own.overridden(&for_body);

        let frozen = body.signature.options.task_id.is_some();
        let group = chord.group.options.task_id.take().or_else(|| id.filter(|_| frozen));
        let group = group.unwrap_or_else(TaskId::new);
        chord.group.options.task_id = Some(group.clone());
        let root = body.signature.options.flow.as_ref().and_then(|flow| flow.root_id.clone());
        let reply_to = self.reply_to.clone();
        let place = Place {
            group: Some(group.as_str()),
            root: root.as_ref(),
            reply_to: &reply_to,
            ..Place::default()
        };
        let result = body.freeze(Place { id: body_id.as_ref(), ..place });
        strip(&mut body);
        let errbacks = std::mem::take(&mut body.signature.options.link_error);
        if self.app.settings().task_allow_error_cb_on_chord_header {
            let errbacks: Vec<Signature> = errbacks.iter().cloned().map(Signature::immutable).collect();
            chord.header.iter_mut().for_each(|member| member.add_errbacks(&errbacks));
        }
        body.signature.options.link_error = errbacks;

        let members = freeze_members(&mut chord.header, place);
        let none = Map::default();
        if members.is_empty() {
            let plain = SendOptions::default();
            let empty = [Value::List(Vec::new())];
            self.send(body, Call { args: &empty, kwargs: &none, options: &plain })?;
        } else {
            let body = body.into_signature();
            if !self.native {
                self.app.check_chord_results()?;
                self.unlock(&group, &body, &members, polled)?;
            } else if members.iter().any(|member| member.members.is_some()) {
                self.save = Some(GroupMeta { id: group.to_string(), parent: None, members: members.clone() });
            }
            let flow = options.flow_mut();
            (flow.chain, flow.chord) = (None, Some(body.into_value()));
            options.task_id = None;
            (options.countdown, options.eta) = delay;
            let args: Vec<Value> = if signature.immutable {
                signature.args
            } else {
                call.args.iter().cloned().chain(signature.args).collect()
            };
            let mut kwargs = match signature.kwargs.get("kwargs") {
                Some(Value::Map(kwargs)) => kwargs.clone(),
                _ => Map::default(),
            };
            kwargs.extend(call.kwargs.clone());
            self.group(chord.group, chord.header, Call { args: &args, kwargs: &kwargs, options: &options })?;
        }
        let header = Child { id: group.to_string(), parent: None, members: Some(members) };
        Ok(result.map(|result| after(result, Some(header))))
    }

    /// The message of the task that looks whether the header is complete, where the backend does not count.
    fn unlock(
        &mut self,
        group: &TaskId,
        body: &Signature,
        members: &[Child],
        (interval, max_retries): (Option<Value>, Option<Value>),
    ) -> Result<(), Error> {
        let mut unlock = Signature { task: "celery.chord_unlock".to_owned(), ..Signature::default() };
        unlock.args = vec![Value::Str(group.to_string()), body.to_value()];
        unlock.kwargs = [
            ("interval".to_owned(), interval.unwrap_or_default()),
            ("max_retries".to_owned(), max_retries.unwrap_or_default()),
            ("result".to_owned(), Value::List(members.iter().map(Child::to_value).collect())),
        ]
        .into_iter()
        .collect();
        let to = &body.options;
        let mut options = SendOptions::new().countdown(std::time::Duration::from_secs(FIRST_LOOK_SECONDS));
        options.ignore_result = Some(true);
        options.priority = to.priority;
        options.headers.clone_from(&to.headers);
        (options.exchange, options.exchange_type, options.routing_key) =
            (to.exchange.clone(), to.exchange_type, to.routing_key.clone());
        options.queue.clone_from(&to.queue);
        let arguments = Arguments::default();
        let own = crate::send::known(self.app, &body.task);
        let query = RouteQuery { task: &body.task, arguments: &arguments, options: to };
        let route = self.app.routing().route(&query, own)?;
        if let Some(queue) = &route.queue {
            options.queue.get_or_insert_with(|| queue.name.clone());
        }
        let kind = options.exchange_type.map_or("direct", |kind| kind.as_str());
        unlock.kwargs.insert("_chord_unlock_exchange_type".to_owned(), Value::Str(kind.to_owned()));
        unlock.options = options;
        self.publish(unlock).map(drop)
    }
}

/// The parent of a body is the member that completes the header.
fn forget_parent(options: &mut SendOptions) {
    if let Some(flow) = &mut options.flow {
        flow.parent_id = None;
    }
}
