//! The tasks under names that are chosen at run time.

use taskq::{Error, Registry};

use crate::{
    accounting, canvas, errbacks, failing, replacing, request, retrying, signatures, time, typed, values,
};

/// Registers functions under the prefix and their own names.
macro_rules! register {
    ($registry:ident, $prefix:ident, $($module:ident: $($task:ident),+;)+) => {
        $($($registry.add_as($module::$task, format!("{}{}", $prefix, stringify!($task)))?;)+)+
    };
}

/// All tasks of this program.
pub(crate) fn registry(prefix: &str) -> Result<Registry, Error> {
    let mut registry = Registry::new();
    register!(registry, prefix,
        values: noop, identity, add, mul, tsum, xsum, echo_args, add_not_typed, add_ignore_result, delayed_sum,
            delayed_sum_with_soft_guard, print_unicode, big, type_name;
        typed: typed_value;
        request: request_info, whoami, ids, collect_ids, return_priority, return_properties,
            return_request_time_limits, task_with_declared_time_limits;
        failing: raise_error, fail, fail_ignore_result, fail_store_errors, fail_unpickleable, raise_named,
            return_exception, raise_ignore, custom_state_then_ignore, reject_then_succeed,
            reject_without_requeue, store_success_then_reject;
        time: sleeping, spin, soft_limited, hard_limited, soft_guard, rate_limited;
        retrying: retry, retry_once, retry_once_priority, retry_once_headers, retry_once_info,
            retry_unpickleable, retry_exhaust, retry_args, retry_eta, auto_retry, retry_backoff,
            auto_retry_except, fail_until;
        canvas: chain_add, chord_add, build_chain_inside_task, spawn;
        replacing: add_replaced, replace_with_chain, replace_with_chain_which_raises, replace_with_empty_chain,
            replace_with_group, replace_with_chord, fail_replaced, add_to_all, add_to_all_to_chord,
            add_chord_to_chord, second_order_replace1, second_order_replace2, replaced_with_me,
            replace_with_stamped_task;
        errbacks: errback_old_style, errback_new_style, errback_key;
        signatures: run_signature, rebuild_signature, return_nested_signature_chain_chain,
            return_nested_signature_chain_group, return_nested_signature_chain_chord,
            return_nested_signature_group_chain, return_nested_signature_group_group,
            return_nested_signature_group_chord, return_nested_signature_chord_chain,
            return_nested_signature_chord_group, return_nested_signature_chord_chord;
        accounting: record, record_result, record_worker, record_time, record_run, slow_record, redis_echo,
            redis_echo_group_id, redis_count, crash, hang, alloc, log, progress;
    );
    Ok(registry)
}
