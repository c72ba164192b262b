//! How the options given to a call and those of a signature come together.

use crate::send::{Flow, SendOptions};

impl SendOptions {
    /// These options under those of a call, as `Signature.apply_async` merges them: what the call says wins,
    /// but a group id and stamps that are there stay, or the parent would never learn that the task ended.
    pub(crate) fn merged(mut self, call: &Self) -> Self {
        let group = self.flow.as_ref().and_then(|flow| flow.group_id.clone());
        let stamps = std::mem::take(&mut self.stamps);
        let mut merged = self.overridden(call);
        if group.is_some() {
            merged.flow_mut().group_id = group;
        }
        merged.stamps.extend(stamps);
        merged
    }

    /// These options with those of `over` in place of them, as `dict.update` does.
    pub(crate) fn overridden(mut self, over: &Self) -> Self {
        macro_rules! replace {
            ($($field:ident),*) => {
                $(if over.$field.is_some() {
                    self.$field.clone_from(&over.$field);
                })*
            };
        }
        replace!(
            countdown,
            eta,
            expires,
            task_id,
            shadow,
            argsrepr,
            kwargsrepr,
            queue,
            exchange,
            exchange_type,
            routing_key,
            priority,
            serializer,
            compression,
            retry,
            retry_policy,
            time_limit,
            soft_time_limit,
            ignore_result,
            add_to_parent,
            delivery_mode,
            timeout,
            reply_to,
            correlation_id
        );
        if !over.link.is_empty() {
            self.link.clone_from(&over.link);
        }
        if !over.link_error.is_empty() {
            self.link_error.clone_from(&over.link_error);
        }
        if !over.headers.is_empty() {
            self.headers.clone_from(&over.headers);
        }
        self.stamps.extend(over.stamps.clone());
        self.properties.extend(over.properties.clone());
        if let Some(flow) = &over.flow {
            self.flow_mut().update(flow);
        }
        if self.problem.is_none() {
            self.problem.clone_from(&over.problem);
        }
        self
    }

    /// Adds callbacks that are not there yet.
    pub(crate) fn add_links(&mut self, link: &[crate::canvas::Signature]) {
        for one in link {
            if !self.link.contains(one) {
                self.link.push(one.clone());
            }
        }
    }

    /// Adds errbacks that are not there yet.
    pub(crate) fn add_errbacks(&mut self, link_error: &[crate::canvas::Signature]) {
        for one in link_error {
            if !self.link_error.contains(one) {
                self.link_error.push(one.clone());
            }
        }
    }
}

impl Flow {
    fn update(&mut self, over: &Self) {
        macro_rules! replace {
            ($($field:ident),*) => {
                $(if over.$field.is_some() {
                    self.$field.clone_from(&over.$field);
                })*
            };
        }
        replace!(group_id, group_index, chord, chain, root_id, parent_id);
        self.replaced_task_nesting = self.replaced_task_nesting.max(over.replaced_task_nesting);
        self.retries = self.retries.max(over.retries);
    }
}
