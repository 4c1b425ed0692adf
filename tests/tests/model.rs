//! The core and the plainly restated rules agree, whatever happens.

use proptest::prelude::*;
use visor_core::config::AutoRestart;
use visor_tests::model::{Answer, Op, Program, play, transcript};

fn program() -> impl Strategy<Value = Program> {
    (
        prop::bool::weighted(0.8),
        -1..4_i64,
        -1..4_i64,
        prop_oneof![
            Just(AutoRestart::Never),
            Just(AutoRestart::Always),
            Just(AutoRestart::Unexpected)
        ],
        0..4_i64,
        any::<(bool, bool)>(),
        0..3_i64,
    )
        .prop_map(
            |(
                autostart,
                startsecs,
                startretries,
                autorestart,
                stopwaitsecs,
                as_group,
                priority,
            )| {
                Program {
                    autostart,
                    startsecs,
                    startretries,
                    autorestart,
                    stopwaitsecs,
                    as_group,
                    priority,
                }
            },
        )
}

fn op() -> impl Strategy<Value = Op> {
    let which = 0..4_usize;
    prop_oneof![
        6 => which.clone().prop_map(Op::Start),
        6 => which.clone().prop_map(Op::Stop),
        2 => which.clone().prop_map(Op::Signal),
        16 => (which.clone(), -1..3_i32).prop_map(|(i, code)| Op::Exit(i, code)),
        8 => prop_oneof![Just(100), Just(500), Just(1_000), 0..5_000_u64].prop_map(Op::Advance),
        2 => (0..5_000_u64).prop_map(Op::Oversleep),
        2 => prop_oneof![Just(Answer::Works), Just(Answer::Fails), Just(Answer::Waits)]
            .prop_map(Op::Spawns),
        4 => (which, any::<bool>()).prop_map(|(i, works)| Op::Answered(i, works)),
        1 => Just(Op::SignalFails),
        1 => Just(Op::Shutdown),
    ]
}

/// A few seconds' worth; `PROPTEST_CASES=100000` for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(300),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_core_follows_the_rules(
        programs in prop::collection::vec(program(), 1..4),
        ops in prop::collection::vec(op(), 0..80),
    ) {
        if let Err(difference) = play(&programs, &ops) {
            let script = transcript(&programs, &ops);
            return Err(TestCaseError::fail(format!("{difference}\n\n{script}")));
        }
    }
}
