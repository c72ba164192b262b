//! The list of cases, once, for the table and for the tests made of it.

/// Makes one `#[tokio::test]` of every case. The argument is an expression that gives a
/// [`Factory`](crate::conformance::backend::Factory); it may `.await` and is evaluated once a case.
#[macro_export]
macro_rules! backend_conformance {
    (@list $what:ident ($($with:tt)*)) => {
        $crate::backend_conformance! { @$what ($($with)*)
            content::values_of_every_kind_come_back
            content::an_error_keeps_type_message_module_and_traceback
            content::a_state_of_the_users_own_carries_its_meta
            content::children_group_and_parent_come_back
            content::extended_results_keep_name_and_arguments
            content::a_value_of_five_megabytes_comes_back
            shared::limits_and_revocations_are_kept_for_brokers_that_keep_none
            stored::nothing_is_stored_of_an_unknown_task
            stored::a_batch_is_read_in_the_order_asked
            stored::states_follow_each_other
            stored::success_is_never_overwritten
            stored::the_last_of_a_batch_wins_unless_success_came_before
            stored::what_is_forgotten_is_gone
            stored::a_thousand_results_in_one_call
            waiting::a_result_stored_before_is_there_at_once
            waiting::a_result_stored_meanwhile_ends_the_wait
            waiting::states_before_the_end_do_not_end_the_wait
            waiting::a_failure_and_a_revocation_end_the_wait
            waiting::the_time_out_says_so_and_leaves_nothing_behind
            waiting::many_wait_for_one_and_one_for_many
            waiting::a_cancelled_wait_disturbs_nobody
        }
    };
    (@table () $($topic:ident :: $case:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($case)), |bench| Box::pin($topic::$case(bench)))),*]
    };
    (@tests ($factory:expr) $($topic:ident :: $case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let bench = $crate::conformance::backend::Bench::new($factory).await;
            $crate::conformance::backend::$topic::$case(&bench).await;
        }
    )*};
    ($factory:expr) => {
        $crate::backend_conformance! { @list tests ($factory) }
    };
}
