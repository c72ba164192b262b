//! The list of cases.

/// Makes one `#[tokio::test]` of every case. The argument is an expression that gives a
/// [`Factory`](crate::conformance::schedule::Factory); it may `.await` and is evaluated once a case.
#[macro_export]
macro_rules! schedule_conformance {
    (@tests ($factory:expr) $($topic:ident :: $case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let bench = $crate::conformance::schedule::Bench::new($factory).await;
            $crate::conformance::schedule::$topic::$case(&bench).await;
        }
    )*};
    ($factory:expr) => {
        $crate::schedule_conformance! { @tests ($factory)
            entries::an_empty_store_has_nothing
            entries::what_was_put_is_read_by_others
            entries::a_new_definition_keeps_the_state
            entries::what_is_removed_is_gone_with_its_state
            entries::every_change_raises_the_revision
            entries::somebody_s_own_schedule_keeps_its_state
            leading::one_leads_and_the_others_know_who
            leading::a_leader_that_is_silent_is_replaced_under_a_greater_token
            leading::who_resigns_is_replaced_at_once
            leading::an_old_token_changes_nothing
            ticks::a_tick_is_claimed_once
            ticks::a_tick_that_follows_another_is_claimed_in_order
            ticks::what_is_left_out_moves_on_and_counts_no_run
            ticks::run_now_is_done_once_and_leaves_the_schedule_alone
            ticks::a_past_time_is_filled_once
            ticks::the_message_goes_out_with_the_claim
            ticks::what_is_published_elsewhere_is_pending_until_confirmed
            ticks::the_history_is_newest_first_and_bounded
            ticks::an_entry_that_is_not_there_has_no_ticks
        }
    };
}
