use futures_util::FutureExt as _;

use super::*;
use crate::relay;
use crate::store::Growth;

fn account(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

/// Logs of accounts have grown by one entry each.
fn ends<const N: usize>(ends: [(i64, i64); N]) -> Grown {
    let growth =
        |(id, newest)| Growth { account: account(id), entries: vec![told::tests::logged(newest)] };
    Grown { logs: ends.map(growth).into(), said: Vec::new() }
}

#[test]
fn a_listener_is_woken_once_for_what_came_meanwhile() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let mut listener = wakeups.listen(account(1));
    wakeups.wake(ends([(1, 1), (2, 9)]));
    wakeups.wake(ends([(1, 2)]));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
    assert_eq!(listener.heard().now_or_never(), None);
    // A late hint of what is known already wakes nobody.
    wakeups.wake(ends([(1, 1)]));
    assert_eq!(listener.heard().now_or_never(), None);
}

#[test]
fn everybody_hears_a_signal_and_nobody_else() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let mut both = [wakeups.listen(account(1)), wakeups.listen(account(1))];
    let mut other = wakeups.listen(account(2));
    wakeups.signal_here(account(1), Signal::CredentialsChanged);
    for listener in &mut both {
        let heard = listener.heard().now_or_never();
        assert_eq!(heard, Some(Heard::Signal(Signal::CredentialsChanged)));
    }
    assert_eq!(other.heard().now_or_never(), None);
}

#[test]
fn too_many_signals_lose_the_oldest_and_no_entry() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let mut listener = wakeups.listen(account(1));
    let typing = Signal::Typing { chat: ChatId::new(1).unwrap(), by: account(2) };
    wakeups.signal_here(account(1), Signal::CredentialsChanged);
    for _ in 0..SIGNALS_MAX {
        wakeups.signal_here(account(1), typing.clone());
    }
    wakeups.wake(ends([(1, 1)]));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
    let lost = listener.heard().now_or_never();
    assert_eq!(lost, Some(Heard::Signal(Signal::CredentialsChanged)), "to be on the safe side");
    let kept: Vec<_> = std::iter::from_fn(|| listener.heard().now_or_never()).collect();
    assert_eq!(kept, vec![Heard::Signal(typing); SIGNALS_MAX]);
}

#[test]
fn a_change_of_credentials_that_only_the_store_tells_is_heard() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let mut listener = wakeups.listen(account(1));
    let pulse = |newest, credentials| Pulse { account: account(1), newest, credentials };
    let changed = Some(Heard::Signal(Signal::CredentialsChanged));
    wakeups.feel(pulse(0, 3));
    assert_eq!(listener.heard().now_or_never(), changed, "it may have been before this look");
    wakeups.feel(pulse(0, 3));
    assert_eq!(listener.heard().now_or_never(), None);
    wakeups.feel(pulse(1, 4));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
    assert_eq!(listener.heard().now_or_never(), changed);
    assert_eq!(listener.heard().now_or_never(), None);
}

#[test]
fn a_hint_beyond_the_end_of_the_log_does_not_silence_true_ones() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let mut listener = wakeups.listen(account(1));
    let pulse = |newest| Pulse { account: account(1), newest, credentials: NOT_LOOKED };
    wakeups.feel(pulse(3));
    wakeups.wake_here(&ends([(1, 1_000)]));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
    assert_eq!(wakeups.told_behind(account(1), 999).entries.len(), 1);
    wakeups.feel(pulse(3));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
    assert_eq!(wakeups.told_behind(account(1), 999), ToldEvents::default());
    wakeups.wake_here(&ends([(1, 4)]));
    assert_eq!(listener.heard().now_or_never(), Some(Heard::Entries));
}

#[test]
fn accounts_without_listeners_are_forgotten() {
    let wakeups = Arc::new(Wakeups::new(relay::alone(), Metrics::new()));
    let (first, second) = (wakeups.listen(account(1)), wakeups.listen(account(1)));
    drop(first);
    assert!(wakeups.is_heard(account(1)));
    drop(second);
    assert!(!wakeups.is_heard(account(1)));
}
