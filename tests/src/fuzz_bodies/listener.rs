//! The listener protocol does the same however a listener's output is cut into reads.

use super::{cuts, seeded};
use visor_core::listener::{Listener, ListenerNotice, ListenerState, RESULT_LINE_BYTES_MAX};

/// The first byte decides the cuts. The rest is what the listener writes; at each byte 0xff, which
/// occurs in no word of the protocol, it is sent an event if it waits for one.
///
/// # Panics
/// If the machine breaks its promise.
pub fn run(data: &[u8]) {
    let (seed, output) = seeded(data);
    let mut listeners: [Listener; 3] = core::array::from_fn(|_| Listener::default());
    for turn in output.split(|b| *b == 0xff) {
        let mut told = Vec::new();
        for (listener, reads) in listeners.iter_mut().zip(cuts(turn, seed)) {
            told.push(feed(listener, &reads));
        }
        assert_eq!(told[0], told[1]);
        assert_eq!(told[0], told[2]);
        assert_eq!(listeners[0], listeners[1]);
        assert_eq!(listeners[0], listeners[2]);
        for listener in &mut listeners {
            let ready = listener.state() == ListenerState::Ready;
            assert_eq!(listener.dispatch().is_some(), ready);
        }
    }
}

/// What a listener makes known, each thing checked against the state it was in.
fn feed(listener: &mut Listener, reads: &[&[u8]]) -> Vec<ListenerNotice> {
    let mut notices = Vec::new();
    let mut state = listener.state();
    for read in reads {
        let mut rest = *read;
        while let Some(notice) = listener.advance(&mut rest) {
            match &notice {
                ListenerNotice::Changed { from, to } => {
                    assert_eq!(*from, state);
                    assert_ne!(*from, ListenerState::Unknown, "UNKNOWN is for good");
                    assert_ne!(*to, ListenerState::Busy, "only an event makes it BUSY");
                    state = *to;
                }
                ListenerNotice::BadResultLine(line) => {
                    assert_eq!(state, ListenerState::Busy);
                    // Bytes that are no text are shown as four characters each.
                    assert!(line.len() <= 4 * RESULT_LINE_BYTES_MAX + 20);
                }
                ListenerNotice::Accepted | ListenerNotice::Rejected => {
                    assert_eq!(state, ListenerState::Busy);
                }
            }
            assert!(!notice.log_lines("x").is_empty());
            notices.push(notice);
        }
        assert!(rest.is_empty(), "a read is taken whole");
    }
    assert_eq!(state, listener.state());
    notices
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_body_holds_on_many_inputs() {
        let long = [b'a'; 300];
        super::super::try_many(
            super::run,
            &[
                b"READY\n",
                b"READY\n\xff",
                b"RESULT 2\nOK",
                b"RESULT 4\nFAIL",
                b"RESULT 0\n",
                b"RESULT 99\n",
                b"RESULT 1048577\n",
                b"READY\n\xffRESULT 2\nOK",
                b"READY\n\xffRESULT ",
                b"\n",
                &long,
            ],
        );
    }
}
