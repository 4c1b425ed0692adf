//! The core and the plainly restated rules agree, whatever happens.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
use proptest::test_runner::{RngAlgorithm, TestError, TestRng, TestRunner};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use std::sync::atomic::Ordering;
use visor_core::config::AutoRestart;
use visor_tests::model::{Core, Event, Op, Program, Story};
use visor_tests::scenario;

/// The rules: what can happen next, and what follows from it.
struct Reference;

/// The core, which is told the same.
struct Follows;

impl ReferenceStateMachine for Reference {
    type State = Story;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Story> {
        let programs = prop::collection::vec(program(), 1..4);
        programs.prop_map(|programs| Story::new(&programs)).boxed()
    }

    fn transitions(story: &Story) -> BoxedStrategy<Op> {
        let which = 0..story.configs().len();
        let millis = || prop_oneof![Just(100), Just(500), Just(1_000), 1..5_000_u64];
        if story.has_ended() {
            return millis().prop_map(Op::Advance).boxed();
        }
        let mut options = vec![
            (6, which.clone().prop_map(Op::Start).boxed()),
            (6, which.clone().prop_map(Op::Stop).boxed()),
            (2, which.clone().prop_map(Op::Signal).boxed()),
            (8, millis().prop_map(Op::Advance).boxed()),
            (2, millis().prop_map(Op::Sleep).boxed()),
            (1, which.clone().prop_map(Op::SpawnFails).boxed()),
            (1, which.clone().prop_map(Op::SpawnWaits).boxed()),
            (1, which.prop_map(Op::SignalFails).boxed()),
            (1, Just(Op::Shutdown).boxed()),
        ];
        let living = story.living();
        if !living.is_empty() {
            let exit = (select(living), -1..3_i32).prop_map(|(i, code)| Op::Exit(i, code));
            options.push((12, exit.boxed()));
        }
        let unanswered = story.unanswered();
        if !unanswered.is_empty() {
            let answer = (select(unanswered), any::<bool>());
            options.push((
                6,
                answer.prop_map(|(i, works)| Op::Answered(i, works)).boxed(),
            ));
        }
        let succeeded = story.succeeded();
        if !succeeded.is_empty() {
            options.push((1, select(succeeded).prop_map(Op::LateExit).boxed()));
        }
        Union::new_weighted(options).boxed()
    }

    fn preconditions(story: &Story, op: &Op) -> bool {
        story.allows(op)
    }

    fn apply(mut story: Story, op: &Op) -> Story {
        story.apply(op);
        story
    }
}

impl StateMachineTest for Follows {
    type SystemUnderTest = Core;
    type Reference = Reference;

    fn init_test(story: &Story) -> Core {
        let mut core = Core::new(story);
        must_agree(core.follow(story), story);
        core
    }

    fn apply(mut core: Core, story: &Story, _: Op) -> Core {
        must_agree(core.follow(story), story);
        core
    }
}

/// A core that is not told when somebody wants a process to stop.
struct Deaf;

impl StateMachineTest for Deaf {
    type SystemUnderTest = Core;
    type Reference = Reference;

    fn init_test(story: &Story) -> Core {
        Follows::init_test(story)
    }

    fn apply(mut core: Core, story: &Story, _: Op) -> Core {
        let told = core.hear(story, |event| {
            let is_stop = matches!(event, Event::Stop(_));
            if is_stop { Event::Wake } else { event }
        });
        must_agree(told, story);
        core
    }
}

fn must_agree(told: Result<(), String>, story: &Story) {
    if let Err(difference) = told {
        panic!("{difference}\n\n{}", story.transcript());
    }
}

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
        // One that is stopped as a group is killed as one.
        prop_oneof![
            Just((false, false)),
            Just((false, true)),
            Just((true, true))
        ],
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

/// A few seconds' worth; `PROPTEST_CASES=100000` for more.
fn config() -> ProptestConfig {
    let cases = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: cases.and_then(|cases| cases.parse().ok()).unwrap_or(300),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_core_follows_the_rules(sequential 1..80 => Follows);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: config().cases / 3, ..config() })]

    #[test]
    fn what_the_rules_say_is_a_transcript(
        (mut story, ops, seen) in Reference::sequential_strategy(1..80)
    ) {
        // What is not seen is not shrunk but left out.
        if let Some(seen) = seen {
            seen.fetch_add(ops.len(), Ordering::SeqCst);
        }
        for op in &ops {
            story.apply(op);
        }
        let expected = story.transcript();
        match scenario::play(&expected) {
            Ok(got) if got == expected => {}
            Ok(got) => prop_assert!(false, "{}", scenario::difference(&expected, &got)),
            Err(error) => prop_assert!(false, "{error}\n\n{expected}"),
        }
    }
}

#[test]
fn a_difference_is_shrunk_to_a_transcript_that_can_be_played() {
    let mut runner =
        TestRunner::new_with_rng(config(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let found = runner.run(
        &Reference::sequential_strategy(1..80),
        |(story, ops, seen)| {
            Deaf::test_sequential(config(), story, ops, seen);
            Ok(())
        },
    );
    let Err(TestError::Fail(reason, (_, ops, _))) = found else {
        panic!("{found:?}");
    };
    assert!(matches!(ops.as_slice(), [Op::Stop(_)]), "{ops:?}");
    let (_, transcript) = reason.message().split_once("\n\n").unwrap();
    assert_eq!(scenario::play(transcript).unwrap(), transcript);
}
