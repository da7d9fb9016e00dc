use super::*;

fn standing(attempts: u32, answered_200: u32) -> Standing {
    Standing {
        failing_for: SignedDuration::from_secs(30),
        dropped: false,
        unreachable: false,
        attempts,
        answered_200,
    }
}

/// The rules that need no engine, asked as the sender asks them.
fn give_up(standing: &Standing) -> &'static str {
    match super::give_up(standing) {
        GiveUp::No => "no",
        GiveUp::Soon => "soon",
        GiveUp::Now { reason } => reason,
    }
}

#[test]
fn a_push_is_repeated_after_seconds_then_every_ten_minutes_then_dropped() {
    let repeat_after = |attempts| scheduled_repeat(&REPEATS_AFTER_SECONDS, attempts);
    let whole: SignedDuration = (1..).map_while(repeat_after).sum();
    assert_eq!(WHOLE_SCHEDULE, whole);
    assert_eq!(repeat_after(1), Some(SignedDuration::from_secs(5)));
    assert_eq!(repeat_after(13), Some(SignedDuration::from_mins(10)));
    assert_eq!(repeat_after(14), None);
    assert_eq!(repeat_after(u32::MAX), None);
    assert_eq!(repeat_after(0), None);
}

#[test]
fn errors_for_a_day_end_it_and_half_a_day_warns() {
    let hours =
        |hours| Standing { failing_for: SignedDuration::from_hours(hours), ..standing(3, 0) };
    assert_eq!(give_up(&hours(11)), "no");
    assert_eq!(give_up(&hours(12)), "soon");
    assert_eq!(give_up(&hours(23)), "soon");
    assert_eq!(give_up(&hours(24)), "no push was accepted for 24 hours");
}

#[test]
fn who_was_not_reached_in_any_attempt_of_a_push_is_given_up() {
    let unreachable = |minutes, dropped| Standing {
        failing_for: SignedDuration::from_mins(minutes),
        dropped,
        unreachable: true,
        ..standing(500, 0)
    };
    assert_eq!(give_up(&unreachable(1, false)), "soon", "there were many attempts");
    assert_eq!(give_up(&Standing { attempts: 5, ..unreachable(9, false) }), "no");
    assert_eq!(give_up(&Standing { attempts: 5, ..unreachable(10, false) }), "soon");
    assert!(give_up(&unreachable(71, true)).contains("until a push was dropped"));
    assert_eq!(give_up(&unreachable(71, false)), "soon");
    let others_arrived = Standing { attempts: 5, ..unreachable(9, true) };
    assert_eq!(give_up(&others_arrived), "no", "one message that its receiver chokes on");
    let reached = Standing { unreachable: false, attempts: 14, ..unreachable(71, true) };
    assert_eq!(give_up(&reached), "no", "it did answer something");
}

#[test]
fn fewer_than_half_good_answers_end_it_once_there_are_enough() {
    const END: &str = "fewer than half of the answers had status 200";
    for (attempts, answered_200, expected) in [
        (24, 0, "no"),
        (25, 0, "soon"),
        (49, 0, "soon"),
        (50, 24, END),
        (50, 25, "soon"),
        (50, 29, "soon"),
        (50, 30, "no"),
        (51, 25, END),
        (u32::MAX, u32::MAX / 2, END),
        (u32::MAX, u32::MAX, "no"),
    ] {
        assert_eq!(
            give_up(&standing(attempts, answered_200)),
            expected,
            "{answered_200}/{attempts}"
        );
    }
}

#[test]
fn no_run_of_failures_ends_it_unannounced() {
    for good in 0..200 {
        let mut was_announced = false;
        for attempts in good + 1..500 {
            match super::give_up(&standing(attempts, good)) {
                GiveUp::No => {}
                GiveUp::Soon => was_announced = true,
                GiveUp::Now { .. } => {
                    assert!(was_announced, "{good} good answers, {attempts} attempts");
                    break;
                }
            }
        }
    }
}
