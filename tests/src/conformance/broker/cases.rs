//! The list of cases, once, for the table and for the tests made of it.

/// Makes one `#[tokio::test]` of every case. The argument is an expression that gives a
/// [`Factory`](crate::conformance::broker::Factory); it may `.await` and is evaluated once a case.
#[macro_export]
macro_rules! broker_conformance {
    (@list $what:ident ($($with:tt)*)) => {
        $crate::broker_conformance! { @$what ($($with)*)
            admin::depth_counts_what_waits_runs_and_is_put_aside
            admin::peek_shows_the_next_ones_and_takes_none
            admin::purge_removes_what_waits_and_tells_its_progress
            admin::single_messages_are_picked_out_and_moved
            admin::an_unknown_queue_counts_as_empty
            arrival::a_message_arrives_as_it_was_sent
            arrival::a_batch_of_ten_thousand_arrives_once_and_in_order
            arrival::a_waiting_consumer_wakes_when_a_message_comes
            arrival::a_take_is_never_more_than_asked_for
            arrival::consumers_share_a_queue_without_doubles
            arrival::bytes_that_are_no_message_arrive_as_they_are
            broadcast::every_listener_hears_what_matches
            broadcast::a_dropped_listener_does_not_disturb
            dead::a_dead_letter_keeps_reason_count_and_bytes
            dead::a_replayed_message_is_the_one_that_was_put_aside
            dead::undecodable_bytes_survive_the_dead_letters
            dead::a_message_of_pythons_is_replayed_byte_for_byte
            dead::newest_come_first_and_in_pages
            dead::forgotten_ones_are_gone
            dead::too_many_deliveries_are_poison
            dead::without_a_limit_nothing_is_poison
            delay::a_message_is_on_time_and_never_early
            delay::due_times_decide_the_order
            delay::what_is_delayed_does_not_hold_up_what_is_ready
            delay::what_waits_a_second_time_and_for_longer_comes_back
            delay::a_requeue_with_a_time_waits_and_does_not_count
            delay::a_time_that_has_passed_is_now
            follow_up::what_a_settlement_publishes_arrives
            follow_up::a_lost_settlement_publishes_nothing
            follow_up::a_follow_up_may_be_delayed
            lease::a_lapsed_lease_gives_the_message_to_somebody_else
            lease::a_late_settlement_changes_nothing_and_is_named
            lease::a_renewed_lease_does_not_lapse
            lease::a_lost_lease_cannot_be_renewed
            lease::a_settlement_counts_once
            loss::a_delivery_that_is_dropped_goes_back
            loss::a_consumer_that_dies_after_the_take_loses_nothing
            loss::a_cancelled_take_loses_nothing
            loss::what_is_settled_stays_settled
            loss::stop_fetching_gives_back_and_leaves_leases_alone
            order::first_in_first_out
            order::priorities_go_in_the_declared_direction
            order::a_requeued_message_is_the_next_one
            order::queues_take_turns
            prefetch::no_more_are_held_than_asked_for
            prefetch::a_window_that_changes_bounds_what_is_held
            prefetch::delayed_messages_take_no_room
            queues::a_consumer_takes_other_queues_when_told
            queues::after_the_stop_nothing_is_taken
            routing::a_batch_reaches_many_queues
            routing::exchanges_route_by_their_kind
            routing::what_no_queue_takes_is_an_error
            routing::declaring_twice_is_nothing_new
            shared::turns_are_an_interval_apart_whoever_asks
            shared::every_key_has_turns_of_its_own
            shared::a_crowd_gets_no_more_turns_than_the_rate_allows
            shared::what_one_revokes_another_reads
        }
    };
    (@table () $($topic:ident :: $case:ident)*) => {
        &[$((concat!(stringify!($topic), "::", stringify!($case)), |bench| Box::pin($topic::$case(bench)))),*]
    };
    (@tests ($factory:expr) $($topic:ident :: $case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let bench = $crate::conformance::broker::Bench::new($factory).await;
            $crate::conformance::broker::$topic::$case(&bench).await;
        }
    )*};
    ($factory:expr) => {
        $crate::broker_conformance! { @list tests ($factory) }
    };
}
