//! The list of cases.

/// Makes one `#[tokio::test]` of every case. The argument is an expression that gives a
/// [`Factory`](crate::conformance::backend::Factory); it may `.await` and is evaluated once a case.
#[macro_export]
macro_rules! chord_conformance {
    (@tests ($factory:expr) $($topic:ident :: $case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            let bench = $crate::conformance::chord::Bench::new($factory).await;
            $crate::conformance::chord::$topic::$case(&bench).await;
        }
    )*};
    ($factory:expr) => {
        $crate::chord_conformance! { @tests ($factory)
            counting::the_last_member_claims_and_gets_the_results_in_order
            counting::a_redelivered_member_counts_once
            counting::members_may_end_before_the_size_is_known
            counting::a_batch_is_counted_member_by_member
            counting::a_failed_member_is_told_with_its_error
            counting::a_chord_that_grows_waits_for_what_was_added
            counting::one_task_at_two_places_counts_twice
            counting::a_thousand_members_come_in_order
            counting::values_of_every_kind_reach_the_body
            claiming::the_claim_is_given_to_one_of_many
            claiming::a_claim_that_lapsed_is_taken_over
            claiming::a_renewed_claim_outlasts_the_first
            claiming::a_released_claim_is_free_at_once
            claiming::after_the_end_late_members_are_told
            claiming::a_failed_chord_is_not_failed_again
            claiming::a_chord_opened_again_waits_for_what_failed
            claiming::a_chord_that_starts_again_counts_anew
            copies::of_two_copies_the_first_one_taken_runs
            copies::of_many_copies_one_is_taken
            copies::a_chord_that_starts_again_has_copies_of_its_own
            copies::a_chord_opened_again_has_copies_of_its_own
            failing::failed_steps_are_kept_by_workflow
            failing::a_step_that_failed_again_is_not_forgotten_with_its_first_failure
            failing::of_many_who_take_a_failed_step_one_gets_it
            groups::a_saved_group_comes_back_until_it_is_forgotten
            groups::a_complex_header_is_handed_to_the_claimer
        }
    };
}
