//! Cases as text, and the search on subjects that are plain functions of a case.

use super::*;
use crate::clock::Offset;
use crate::links::Links;
use crate::time::{milliseconds, seconds};

fn at(span: Duration) -> Time {
    Time::ZERO + span
}

/// One of everything.
fn every_kind() -> Case {
    let [a, b, c] = [0, 1, 2].map(NodeId::new);
    let spell = |fault| Spell { at: at(seconds(1)), until: Some(at(milliseconds(1_500))), fault };
    let links = Links { from: vec![a, b], to: vec![c], one_way: true };
    let faults = vec![
        spell(Fault::Partition(links.clone())),
        spell(Fault::Partition(Links { one_way: false, ..links.clone() })),
        spell(Fault::SlowLinks { links, by: milliseconds(20) }),
        Spell { at: Time::ZERO, until: None, fault: Fault::Crash(b) },
        spell(Fault::Pause(b)),
        spell(Fault::JumpClock { node: a, by: Offset::behind(seconds(2)) }),
        spell(Fault::DriftClock { node: a, parts_per_million: -200 }),
    ];
    let edits = vec![
        Edit::drop("n0>n1#4").of_kind("Accept"),
        Edit::delay("n0>n1#5", milliseconds(20)),
        Edit::duplicate("n0>n1#6", milliseconds(7)).of_kind("Promise"),
    ];
    let operations = BTreeMap::from([(a, Vec::new()), (b, vec![(3, at(seconds(1))), (7, at(seconds(2)))])]);
    let base = Base::Constant(milliseconds(5));
    Case { seed: 17, base, faults, edits, absent: BTreeSet::from([c]), operations }
}

#[test]
fn a_case_is_read_as_it_is_written() {
    let case = every_kind();
    assert_eq!(case.to_string().parse(), Ok(case.clone()), "{case}");
    let lossless = Case { base: Base::Lossless, ..Case::default() };
    assert_eq!(lossless.to_string().parse(), Ok(lossless));
}

#[test]
fn what_is_no_case_is_refused_with_its_line() {
    for line in [
        "crash n2",
        "crash 2 at 1s",
        "explode n2 at 1s",
        "drop n3>n1",
        "drop n3>n1#4 (Accept) 5ms",
        "delay n3>n1#4 (Accept)",
        "operations of n5: 3",
        "without",
        "lose everything",
        "é at 1s",
    ] {
        let text = format!("seed 1\n{line}\nwithout n3");
        let error = text.parse::<Case>().expect_err(line);
        assert_eq!(error.line, 2, "{line}: {error}");
    }
    assert!("crash n2 at 1s".parse::<Case>().is_err(), "there is no seed");
}

#[test]
fn a_plan_is_spells_and_back() {
    let case = every_kind();
    assert_eq!(Spell::of(&case.plan()).len(), case.faults.len());
    let again = Case { faults: Spell::of(&case.plan()), ..case.clone() };
    assert_eq!(again.plan(), case.plan());
    // Repairs that are due at once keep their order, whatever began first.
    let [a, b] = [0, 1].map(NodeId::new);
    let mut plan = FaultPlan::default();
    for (begin, node) in [(2, a), (1, b)] {
        plan.add(at(seconds(begin)), Fault::Pause(node));
        plan.add(at(seconds(9)), Fault::Resume(node));
    }
    assert_eq!(Case::new(1, &plan, &[]).plan(), plan);
}

#[test]
fn two_panics_are_alike_if_they_are_at_the_same_place() {
    let failure = |how: &str| Failure { property: "p".to_string(), how: how.to_string(), time: Time::ZERO };
    let first = failure("two commands, 1 and 2, at models/src/learner.rs:90:9, at 1.5s");
    assert!(first.is_like(&failure("two commands, 3 and 4, at models/src/learner.rs:90:9, at 2s")));
    assert!(!first.is_like(&failure("two commands, 3 and 4, at models/src/learner.rs:91:9, at 2s")));
    assert!(failure("it does not hold").is_like(&failure("it does not hold within 5s")));
}

/// Fails if a case has all that is needed, however much else.
struct Needs {
    given: Case,
    faults: Vec<usize>,
    edits: Vec<usize>,
    /// No needed fault comes before.
    earliest: Time,
}

impl Subject for Needs {
    fn run(&self, case: &Case) -> Option<Failure> {
        let Needs { given, faults, edits, earliest } = self;
        let has_fault = |place: &usize| {
            let same = |spell: &Spell| spell.fault == given.faults[*place].fault;
            case.faults.iter().any(|spell| same(spell) && spell.at >= *earliest)
        };
        let has_edit = |place: &usize| case.edits.contains(&given.edits[*place]);
        let fails = faults.iter().all(has_fault) && edits.iter().all(has_edit);
        let (property, how) = ("p".to_string(), "it does not hold".to_string());
        fails.then_some(Failure { property, how, time: at(seconds(2_000)) })
    }
    fn listen(&self, case: &Case) -> (Option<Failure>, Heard) {
        (self.run(case), Heard::default())
    }
    fn is_eventual(&self, _: &str) -> bool {
        false
    }
}

fn crashes(count: usize) -> Case {
    let crash = |place| Spell {
        at: at(milliseconds(1_234_567 + place as u64)),
        until: None,
        fault: Fault::Crash(NodeId::new(place)),
    };
    let edits = (1..=count).map(|number| Edit::drop(&format!("n0>n1#{number}"))).collect();
    Case { faults: (0..count).map(crash).collect(), edits, ..Case::default() }
}

#[test]
fn what_is_needed_is_left_and_nothing_else_for_any_number_of_threads() {
    for (faults, edits) in [(vec![], vec![]), (vec![3], vec![]), (vec![0, 17, 39], vec![5, 6, 38])] {
        let subject =
            Needs { given: crashes(40), faults: faults.clone(), edits: edits.clone(), earliest: Time::ZERO };
        let result = |threads| {
            let options = Options { threads, runs: 10_000 };
            shrink(&subject, &subject.given, options, &|_| {}, &|| false).expect("it fails")
        };
        let shrunk = result(1);
        assert!(shrunk.is_minimal);
        let left: Vec<Fault> = shrunk.case.faults.iter().map(|spell| spell.fault.clone()).collect();
        let needed: Vec<Fault> = faults.iter().map(|&n| Fault::Crash(NodeId::new(n))).collect();
        assert_eq!((left, shrunk.case.edits.len()), (needed, edits.len()));
        for threads in 2..6 {
            assert_eq!(result(threads), shrunk, "{threads} threads");
        }
    }
}

/// Fails for either of two reasons.
struct Either([Needs; 2]);

impl Subject for Either {
    fn run(&self, case: &Case) -> Option<Failure> {
        self.0.iter().find_map(|needs| needs.run(case))
    }
    fn listen(&self, case: &Case) -> (Option<Failure>, Heard) {
        (self.run(case), Heard::default())
    }
    fn is_eventual(&self, _: &str) -> bool {
        false
    }
}

#[test]
fn a_few_are_found_where_leaving_out_one_after_the_other_ends_with_more() {
    let needs = |faults: &[usize]| Needs {
        given: crashes(40),
        faults: faults.to_vec(),
        edits: vec![],
        earliest: Time::ZERO,
    };
    let result = |subject: &dyn Subject| {
        shrink(subject, &crashes(40), Options::default(), &|_| {}, &|| false).expect("it fails").case.items()
    };
    assert_eq!(result(&needs(&[0, 1, 2, 4, 5])), 5);
    assert_eq!(result(&Either([needs(&[0, 1, 2, 4, 5]), needs(&[3, 17])])), 2);
}

#[test]
fn times_become_round() {
    let subject = Needs { given: crashes(3), faults: vec![1], edits: vec![], earliest: at(seconds(1_200)) };
    let shrunk = shrink(&subject, &subject.given, Options::default(), &|_| {}, &|| false).expect("it fails");
    assert_eq!(shrunk.case.faults[0].at, at(seconds(1_235)));
}

#[test]
fn a_search_ends_with_its_budget_or_an_interrupt_and_keeps_the_best_so_far() {
    let subject = Needs { given: crashes(40), faults: vec![3], edits: vec![], earliest: Time::ZERO };
    let options = |runs| Options { runs, threads: 2 };
    let result = |runs, interrupted: &(dyn Fn() -> bool + Sync)| {
        shrink(&subject, &subject.given, options(runs), &|_| {}, interrupted).expect("it fails")
    };
    let short = result(6, &|| false);
    assert!(!short.is_minimal && short.runs <= 6 && short.case.items() < 80, "{short:?}");
    assert_eq!(result(10_000, &|| true).case.items(), 80);
    assert!(
        shrink(&Needs { faults: vec![0], ..subject }, &Case::default(), options(9), &|_| {}, &|| false)
            .is_none()
    );
}
