mod memory;
mod replicas;

use super::*;

const TWO_AN_HOUR: Quota = Quota { units: 2, window: SignedDuration::from_hours(1) };

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// One process that counts by itself, and one replica that is alone with its ledger: nobody can tell them apart.
fn alone() -> [Limits; 2] {
    [Limits::default(), Limits::new(Some(Arc::new(memory::Ledger::default())))]
}

#[tokio::test]
async fn a_window_ends_at_the_full_hour_and_the_next_begins_fresh() {
    for limits in alone() {
        let now = at("2026-11-21T10:59:59.999Z");
        assert_eq!(
            limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap(),
            Taken { allowed: true, limit: 2, remaining: 1, until: at("2026-11-21T11:00:00Z") }
        );
        assert!(limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap().allowed);
        let refused = limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap();
        assert!(!refused.allowed);
        assert_eq!((refused.remaining, refused.retry_after_seconds(now)), (0, 1));
        let next = at("2026-11-21T11:00:00Z");
        assert!(limits.take("send", "7", TWO_AN_HOUR, next).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn what_remains_is_told_to_the_unit() {
    for limits in alone() {
        for units in [1, 9, 50, 1_000] {
            let quota = Quota { units, window: SignedDuration::from_mins(1) };
            let (subject, now) = (units.to_string(), at("2026-11-21T10:00:00Z"));
            for used in 1..=units + 1 {
                let taken = limits.take("send", &subject, quota, now).await.unwrap();
                assert_eq!((taken.allowed, taken.limit), (used <= units, units));
                assert_eq!(taken.remaining, units.saturating_sub(used));
            }
        }
    }
}

#[tokio::test]
async fn what_has_no_limit_is_always_let_through() {
    for limits in alone() {
        let quota = Quota { units: 0, window: SignedDuration::from_mins(1) };
        for now in [at("2026-11-21T10:00:00Z"), Timestamp::MIN, Timestamp::MAX] {
            assert!(limits.take("send", "7", quota, now).await.unwrap().allowed);
            assert_eq!(limits.look("send", "7", quota, now).await.unwrap().limit, u32::MAX);
        }
    }
}

#[tokio::test]
async fn the_end_of_all_times_is_a_window_as_well() {
    for limits in alone() {
        assert!(limits.take("send", "7", TWO_AN_HOUR, Timestamp::MAX).await.unwrap().allowed);
        assert!(limits.take("send", "7", TWO_AN_HOUR, Timestamp::MIN).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn what_is_let_once_an_interval_waits_for_all_of_it() {
    for limits in alone() {
        let minute = SignedDuration::from_mins(1);
        let take = async |time| limits.take_once("mail", "7", minute, at(time)).await.unwrap();
        assert!(take("2026-11-21T10:00:59Z").await.allowed);
        let refused = take("2026-11-21T10:01:58.001Z").await;
        assert!(!refused.allowed);
        assert_eq!(refused.until, at("2026-11-21T10:01:59Z"));
        assert!(take("2026-11-21T10:01:59Z").await.allowed);
        let other = limits.take_once("mail", "8", minute, at("2026-11-21T10:01:59Z"));
        assert!(other.await.unwrap().allowed);
    }
}

#[tokio::test]
async fn subjects_and_methods_do_not_share_windows() {
    for limits in alone() {
        let now = at("2026-11-21T10:00:00Z");
        for subject in ["7", "8"] {
            for what in ["send", "list"] {
                let taken = limits.take(what, subject, TWO_AN_HOUR, now).await.unwrap();
                assert_eq!(taken.remaining, 1);
            }
        }
    }
}

#[tokio::test]
async fn a_unit_given_back_can_be_taken_again() {
    for limits in alone() {
        let now = at("2026-11-21T10:00:00Z");
        limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap();
        let taken = limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap();
        assert_eq!(limits.give_back("send", "7", TWO_AN_HOUR, taken).remaining, 1);
        assert!(limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap().allowed);
        assert!(!limits.take("send", "7", TWO_AN_HOUR, now).await.unwrap().allowed);
        // Into a window that is over, nothing is given back.
        let next = at("2026-11-21T11:00:00Z");
        limits.take("send", "7", TWO_AN_HOUR, next).await.unwrap();
        assert_eq!(limits.give_back("send", "7", TWO_AN_HOUR, taken), taken);
        assert_eq!(limits.look("send", "7", TWO_AN_HOUR, next).await.unwrap().remaining, 1);
    }
}

#[tokio::test]
async fn a_request_that_comes_late_does_not_begin_the_count_anew() {
    for limits in alone() {
        let (before, after) = (at("2026-11-21T10:59:59.999Z"), at("2026-11-21T11:00:00Z"));
        limits.take("send", "7", TWO_AN_HOUR, after).await.unwrap();
        assert_eq!(limits.take("send", "7", TWO_AN_HOUR, before).await.unwrap().remaining, 0);
        assert!(!limits.take("send", "7", TWO_AN_HOUR, after).await.unwrap().allowed);
        // A clock that was put back is believed.
        let long_before = at("2026-11-21T08:00:00Z");
        assert!(limits.take("send", "7", TWO_AN_HOUR, long_before).await.unwrap().allowed);
    }
}

#[tokio::test]
async fn looking_takes_nothing() {
    for limits in alone() {
        let look = async |time| limits.look("send", "7", TWO_AN_HOUR, at(time)).await.unwrap();
        let now = "2026-11-21T10:00:00Z";
        assert_eq!(look(now).await.remaining, 2);
        let taken = limits.take("send", "7", TWO_AN_HOUR, at(now)).await.unwrap();
        assert_eq!(look(now).await, taken);
        limits.take("send", "7", TWO_AN_HOUR, at(now)).await.unwrap();
        assert!(!look(now).await.allowed);
        assert_eq!(look("2026-11-21T11:00:00Z").await.remaining, 2);
    }
}

#[tokio::test]
async fn windows_that_are_over_are_forgotten() {
    for limits in alone() {
        let take = async |subject: u32, time| {
            limits.take("send", &subject.to_string(), TWO_AN_HOUR, at(time)).await.unwrap();
        };
        for subject in 0..5000 {
            take(subject, "2026-11-21T10:00:00Z").await;
        }
        for subject in 0..5000 {
            take(subject, "2026-11-21T11:00:00Z").await;
        }
        assert!(lock(&limits.windows).len() <= 10_000);
        take(0, "2026-11-21T12:00:00Z").await;
        assert!(lock(&limits.windows).len() <= 5001);
    }
}

#[test]
fn a_dropped_pass_makes_room() {
    let limits = Limits::default();
    let first = limits.enter("parallel", "7", 1);
    assert!(first.is_some());
    assert!(limits.enter("parallel", "7", 1).is_none());
    drop(first);
    assert!(limits.enter("parallel", "7", 1).is_some());
    assert!(lock(&limits.in_work).is_empty());
}
