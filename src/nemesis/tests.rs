//! The shape of each kind of fault, read from its plans.

use super::*;
use crate::fault::FaultKind;
use std::collections::{BTreeMap, BTreeSet};

fn nodes(count: usize) -> Vec<NodeId> {
    (0..count).map(NodeId::new).collect()
}

fn plan(nemesis: &Nemesis, seed: u64, count: usize) -> FaultPlan {
    nemesis.draw(&Random::new(seed), &nodes(count)).plan
}

fn all() -> Nemesis {
    let partitions = partitions().and(halves()).and(isolations()).and(one_way_partitions());
    let shapes = partitions.and(majorities_ring()).and(bridges()).and(flapping());
    shapes.and(crashes()).and(pauses()).and(clock_jumps()).and(clock_drifts()).and(slow_links())
}

/// Whom each node hears, itself included, at each time at which something was cut.
fn heard(nemesis: &Nemesis, seed: u64, count: usize) -> Vec<BTreeMap<NodeId, BTreeSet<NodeId>>> {
    let mut cuts: BTreeMap<Time, Vec<_>> = BTreeMap::new();
    for planned in plan(nemesis, seed, count).iter() {
        if let Fault::Partition(links) = &planned.fault {
            cuts.entry(planned.at).or_default().push(links.clone());
        }
    }
    let hears = |cuts: &[crate::links::Links], node: NodeId| {
        let heard = |from: &NodeId| !cuts.iter().any(|links| links.contains(*from, node));
        nodes(count).into_iter().filter(heard).collect()
    };
    let of = |cuts: Vec<_>| nodes(count).into_iter().map(|node| (node, hears(&cuts, node))).collect();
    cuts.into_values().map(of).collect()
}

/// Every act of `nemesis` under some seeds, for clusters of these sizes.
fn every(
    nemesis: &Nemesis,
    sizes: std::ops::Range<usize>,
    is_so: impl Fn(&BTreeMap<NodeId, BTreeSet<NodeId>>, usize) -> bool,
) {
    for count in sizes {
        let acts: Vec<_> = (0..20).flat_map(|seed| heard(nemesis, seed, count)).collect();
        assert!(acts.len() > 20, "{count}: {}", acts.len());
        for act in acts {
            assert!(is_so(&act, count), "{count}: {act:?}");
        }
    }
}

#[test]
fn every_fault_is_repaired_before_the_end_and_the_plan_belongs_to_the_seed() {
    let nemesis = all().until(seconds(10));
    for seed in 0..100 {
        let plan = plan(&nemesis, seed, 5);
        assert_eq!(plan, self::plan(&nemesis, seed, 5));
        let mut wrong = Vec::new();
        for planned in plan.iter() {
            assert!(planned.at <= Time::ZERO + seconds(10));
            assert_eq!(planned.fault.flaw(), None);
            match planned.fault.repair() {
                Some(repair) => wrong.push(repair),
                None => {
                    let place = wrong.iter().position(|repair| *repair == planned.fault);
                    wrong.remove(place.expect("what is repaired was wrong"));
                }
            }
        }
        assert_eq!(wrong, []);
    }
    assert_ne!(plan(&nemesis, 0, 5), plan(&nemesis, 1, 5));
}

#[test]
fn adding_a_kind_leaves_the_plans_of_the_others() {
    let alone = plan(&partitions(), 1, 5);
    for both in [partitions().and(all()), all().and(crashes()), all()] {
        let both = plan(&both, 1, 5);
        assert!(alone.iter().all(|fault| both.iter().any(|other| other == fault)));
    }
}

#[test]
fn every_kind_draws_what_it_is_for() {
    for Aimed { kind, .. } in all().kinds {
        let plan = plan(&Nemesis::of(kind), 1, 5);
        let mut faults = plan.iter().filter_map(|planned| planned.fault.kind()).peekable();
        assert!(faults.peek().is_some() && faults.all(|fault| fault == kind.fault()), "{kind:?}");
        // Two nodes are too few for some shapes, and one for every partition.
        let alone = self::plan(&Nemesis::of(kind), 1, 1);
        let node = matches!(kind.fault(), FaultKind::Crash | FaultKind::Pause | FaultKind::Clock);
        assert_eq!(alone.is_empty(), !node, "{kind:?}");
    }
}

#[test]
fn in_a_majorities_ring_each_node_hears_a_majority_and_no_two_the_same() {
    every(&majorities_ring(), 3..10, |act, count| {
        let majorities: BTreeSet<_> = act.values().collect();
        let own = act.iter().all(|(node, heard)| heard.contains(node) && heard.len() == count / 2 + 1);
        own && majorities.len() == count
    });
    // With an odd majority, hearing is mutual.
    every(&majorities_ring(), 5..6, |act, _| {
        act.iter().all(|(node, heard)| heard.iter().all(|other| act[other].contains(node)))
    });
}

#[test]
fn over_a_bridge_one_node_hears_all_and_is_all_that_the_halves_share() {
    every(&bridges(), 3..10, |act, count| {
        let bridge: Vec<_> = act.iter().filter(|(_, heard)| heard.len() == count).collect();
        let sides: BTreeSet<_> = act.values().filter(|heard| heard.len() < count).collect();
        let [(bridge, _)] = bridge[..] else { return false };
        let [one, other] = sides.into_iter().collect::<Vec<_>>()[..] else { return false };
        one.len().abs_diff(other.len()) <= 1 && one.intersection(other).eq([bridge])
    });
}

#[test]
fn halves_are_equal_but_for_one_node_and_hear_themselves_alone() {
    for nemesis in [halves(), flapping()] {
        every(&nemesis, 2..10, |act, count| {
            let sides: BTreeSet<_> = act.values().collect();
            let [one, other] = sides.into_iter().collect::<Vec<_>>()[..] else { return false };
            one.is_disjoint(other) && one.len() + other.len() == count && one.len().abs_diff(other.len()) <= 1
        });
    }
}

#[test]
fn an_isolated_node_hears_itself_alone_and_a_one_way_partition_leaves_one_half_hearing_all() {
    every(&isolations(), 3..8, |act, count| {
        act.values().filter(|heard| heard.len() == 1).count() == 1
            && act.values().filter(|heard| heard.len() == count - 1).count() == count - 1
    });
    every(&one_way_partitions(), 2..8, |act, count| {
        let all = act.values().filter(|heard| heard.len() == count).count();
        let half = act.values().filter(|heard| heard.len() == count - all).count();
        all + half == count && all.abs_diff(half) <= 1
    });
}

#[test]
fn a_flapping_cut_comes_and_goes_at_the_same_place() {
    for seed in 0..20 {
        let plan = plan(&flapping(), seed, 5);
        let cuts: Vec<_> = plan.iter().filter(|planned| planned.fault.kind().is_some()).collect();
        let places = cuts.chunk_by(|one, other| one.fault == other.fault).map(<[_]>::len);
        assert!(places.clone().all(|times| times >= 4), "{:?}", places.collect::<Vec<_>>());
        // It is cut and whole in turn.
        let wrong: Vec<bool> = plan.iter().map(|planned| planned.fault.kind().is_some()).collect();
        assert!(wrong.chunks(2).all(|pair| pair == [true, false]), "{plan}");
    }
}

#[test]
fn clocks_jump_and_drift_both_ways_and_over_all_sizes() {
    let drawn = |nemesis: &Nemesis| -> Vec<String> {
        let plans = (0..200).map(|seed| plan(nemesis, seed, 3));
        plans
            .flat_map(|plan| plan.iter().map(|planned| planned.fault.to_string()).collect::<Vec<_>>())
            .collect()
    };
    let (jumps, drifts) = (drawn(&clock_jumps()), drawn(&clock_drifts()));
    for [sign, unit] in [["+", "s"], ["-", "s"], ["+", "ms"], ["-", "ms"]] {
        assert!(jumps.iter().any(|fault| fault.contains(sign) && fault.ends_with(unit)), "{sign}{unit}");
    }
    for sign in ["+", "-"] {
        let sizes = drifts.iter().filter_map(|fault| fault.split_once(sign)?.1.strip_suffix("ppm"));
        let sizes: Vec<u32> = sizes.map(|size| size.parse().expect("a number")).collect();
        assert!(sizes.iter().any(|size| *size < 1_000) && sizes.iter().any(|size| *size > 100_000));
        assert!(sizes.iter().all(|size| (100..409_600).contains(size)));
    }
}

#[test]
fn what_is_aimed_hits_its_target_in_the_place_of_the_node_that_was_drawn() {
    let target = NodeId::new(3);
    for nemesis in [crashes(), pauses(), isolations(), clock_jumps(), clock_drifts(), slow_links()] {
        let plain = plan(&nemesis, 1, 5);
        let drawn = nemesis.at("leader").draw(&Random::new(1), &nodes(5));
        assert!(drawn.plan.is_empty() && drawn.aimed.len() > 1);
        let times = plain.iter().filter(|planned| planned.fault.kind().is_some()).map(|planned| planned.at);
        assert!(drawn.aimed.iter().map(|fault| fault.at).eq(times));
        for fault in drawn.aimed {
            let hit = fault.hitting(target);
            assert_eq!((hit.nodes()[0], hit.flaw()), (target, None));
            let all: BTreeSet<NodeId> = hit.nodes().into_iter().collect();
            assert_eq!(all.len(), fault.fault.nodes().len());
        }
    }
}

#[test]
#[should_panic(expected = "Halves cannot be aimed")]
fn halves_cannot_be_aimed() {
    let _ = halves().at("leader");
}
