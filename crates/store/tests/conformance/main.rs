//! What it means to be a store: every case runs on every store.
//!
//! A case is a function that takes an empty place for a store. To add a store, add a function to `setup.rs` that makes
//! such a place, and its name to `on_every_store!`. A case that is not listed is dead code, and the build says so.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

mod access;
mod attachments;
mod commits;
mod contention;
mod counters;
mod edits;
mod facts;
mod histories;
mod interference;
mod lists;
mod logs;
mod search;
mod setup;
mod story;
mod transfer;
mod webhooks;

macro_rules! on_every_store {
    (stores { $($store:ident),+ } $cases:tt) => {
        $(mod $store { on_every_store! { @cases $store $cases } })+
    };
    (@cases $store:ident { $($file:ident { $($case:ident),+ $(,)? })+ }) => {
        $(mod $file {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $case() {
                crate::$file::$case(crate::setup::$store()).await;
            })+
        })+
    };
}

on_every_store! {
    stores { sqlite, postgres }
    {
        commits {
            a_message_is_stored_with_all_that_follows_from_it,
            a_refused_command_leaves_no_trace,
            a_command_that_cannot_be_stored_fails_alone,
            ids_rise_in_the_order_of_commits,
            ids_rise_when_the_clock_steps_back,
            parallel_opens_give_one_chat,
            a_repeated_key_gives_the_first_message_again,
            a_key_repeated_at_the_same_time_gives_one_message,
            everything_is_there_after_reopening,
            a_closed_store_says_so,
            two_openings_of_a_store_are_one_store,
        }
        logs {
            a_follower_sees_every_entry_of_eight_writers,
            a_page_says_how_far_the_log_goes,
            old_entries_are_forgotten_from_the_beginning,
            a_commit_tells_which_logs_have_grown,
            a_commit_tells_of_messages_what_is_stored,
        }
        counters {
            totals_equal_a_recount,
        }
        lists {
            every_list_by_activity_is_complete_and_in_order,
            every_list_by_age_is_complete_and_in_order,
            a_list_is_walked_once_while_new_messages_arrive,
            chats_without_a_message_come_last,
        }
        histories {
            pages_walk_every_message_once,
            reading_up_to_any_position_leaves_the_right_rest,
            single_messages_are_found_in_their_chat_only,
        }
        attachments {
            a_file_is_claimed_once,
            files_keep_the_order_of_their_message,
        }
        edits {
            an_edit_replaces_the_text_and_moves_nothing_else,
            a_refused_edit_leaves_no_trace,
            a_repeated_key_gives_the_message_as_it_is_now,
            the_new_text_is_found_and_the_old_one_is_not,
            a_file_that_gets_a_text_is_found_by_it,
            edited_messages_are_found_in_their_place,
        }
        search {
            text_is_found_anywhere_and_in_any_case,
            every_sign_stands_for_itself,
            only_what_people_said_in_chats_in_sight_is_found,
            pages_go_from_new_to_old,
            found_messages_equal_a_naive_search,
            a_long_history_is_searched_like_a_short_one,
            nothing_is_missed_while_others_write,
            what_was_said_last_is_found_after_reopening,
        }
        facts {
            facts_come_in_any_order,
            newer_facts_replace_older_ones,
            an_account_is_replaced_only_as_it_stood,
            an_address_belongs_to_one_account,
            a_password_stays_unless_it_is_replaced,
            people_who_sign_up_get_ids_of_their_own,
            nothing_has_a_name_with_u0000,
            shops_are_listed_by_rising_id,
            an_inactive_account_is_no_counterpart,
        }
        access {
            keys_are_kept_whole,
            a_secret_belongs_to_one_key,
            sessions_are_kept_whole,
            an_ended_session_stays_ended,
            sessions_that_are_over_are_forgotten_when_another_begins,
            the_pulse_moves_when_credentials_end_or_change,
            a_secret_is_made_once,
        }
        webhooks {
            webhooks_are_kept_whole,
            an_account_has_so_many_webhooks_and_no_more,
            a_url_that_is_to_be_told_once_is_stored_once,
            nobody_pushes_for_an_account_that_is_out_of_use,
            a_webhook_begins_behind_the_newest_entry,
            a_lease_is_respected_until_it_runs_out,
            one_of_many_gets_the_lease,
            progress_is_saved_by_who_holds_the_lease,
            what_was_read_before_a_move_cannot_be_saved,
            a_webhook_is_switched_off_and_on,
            deliveries_are_paged_from_new_to_old,
            old_deliveries_are_forgotten,
        }
        contention {
            the_same_facts_are_pushed_by_many,
            one_of_many_gets_an_address,
            everybody_who_signs_up_gets_another_id,
            one_of_many_replaces_an_account,
            one_of_many_keys_gets_a_secret,
            a_session_that_is_ended_while_it_is_used_stays_ended,
            all_servers_get_the_same_secret,
            webhooks_are_counted_over_all_servers,
            one_of_many_webhooks_moves_to_an_url,
            every_webhook_is_leased_once,
            a_webhook_stays_where_it_was_moved_to,
        }
    }
}
