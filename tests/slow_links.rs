//! Links that are slow for a while.

use netsplit::fault::{Edit, Fault, FaultKind};
use netsplit::impact::Impact;
use netsplit::links::Links;
use netsplit::metrics::Metrics;
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::simulation::Mailbox;
use netsplit::time::{Duration, Time};

/// Three clients that are ten milliseconds apart.
fn stage() -> (Simulation<u8>, [Handle<Mailbox<u8>>; 3]) {
    let mut sim = Simulation::new(1);
    sim.set_delay(milliseconds(10));
    let clients = ["a", "b", "c"].map(|name| sim.add_client(name));
    (sim, clients)
}

/// How long a message takes now.
fn delay(sim: &mut Simulation<u8>, from: Handle<Mailbox<u8>>, to: Handle<Mailbox<u8>>) -> Duration {
    let (sent, before) = (sim.now(), sim.received(to).len());
    sim.send(from, to, 0);
    sim.run_until(|world| world[to].received().len() > before);
    sim.now() - sent
}

#[test]
fn messages_between_two_sides_take_longer_until_the_links_heal() {
    let (mut sim, [a, b, c]) = stage();
    sim.slow_links(a, b, milliseconds(50));
    assert_eq!(delay(&mut sim, a, b), milliseconds(60));
    assert_eq!(delay(&mut sim, b, a), milliseconds(60));
    assert_eq!(delay(&mut sim, a, c), milliseconds(10));
    assert!(!sim.world().is_whole());
    sim.slow_links(a, (b, c), milliseconds(100));
    assert_eq!(delay(&mut sim, a, b), milliseconds(160));
    sim.apply(&Fault::HealSlowLinks { links: links(a, b, false), by: milliseconds(50) });
    assert_eq!(delay(&mut sim, b, a), milliseconds(110));
    sim.heal();
    assert_eq!(delay(&mut sim, a, b), milliseconds(10));
    assert!(sim.world().is_whole());
}

fn links(from: Handle<Mailbox<u8>>, to: Handle<Mailbox<u8>>, one_way: bool) -> Links {
    Links { from: vec![from.id()], to: vec![to.id()], one_way }
}

#[test]
fn one_direction_can_be_slow_and_a_message_that_is_under_way_is_not_caught() {
    let (mut sim, [a, b, _]) = stage();
    let fault = Fault::SlowLinks { links: links(a, b, true), by: seconds(1) };
    sim.schedule(milliseconds(5), fault.clone());
    assert_eq!(delay(&mut sim, a, b), milliseconds(10));
    assert_eq!(delay(&mut sim, a, b), milliseconds(1010));
    assert_eq!(delay(&mut sim, b, a), milliseconds(10));
    assert_eq!(fault.to_string(), "slow {n0} > {n1} +1s");
}

#[test]
fn an_edit_that_says_a_delay_means_it() {
    let (mut sim, [a, b, _]) = stage();
    sim.slow_links(a, b, seconds(1));
    sim.edit(Edit::delay("n0>n1#1", milliseconds(3)));
    assert_eq!(delay(&mut sim, a, b), milliseconds(3));
}

#[test]
fn slow_links_touch_something_if_they_delay_a_message() {
    let (mut sim, [a, b, c]) = stage();
    let impact = sim.observe(Impact::default());
    let metrics = sim.observe(Metrics::default());
    let touched = |sim: &Simulation<u8>| -> Vec<bool> {
        sim.observer(impact).applied().iter().map(|applied| applied.touched).collect()
    };
    sim.slow_links(a, b, seconds(1));
    delay(&mut sim, a, c);
    assert_eq!(touched(&sim), [false]);
    sim.slow_links(a, c, seconds(1));
    delay(&mut sim, c, a);
    assert_eq!(touched(&sim), [false, true]);
    assert!(sim.observer(impact).kind_touched(FaultKind::SlowLinks));
    sim.heal();
    let bands = sim.observer(metrics).bands().iter();
    let bands: Vec<_> = bands.map(|band| (band.label.as_str(), band.from, band.to)).collect();
    let at = |span| Time::ZERO + milliseconds(span);
    let expected = [("slow a | b +1s", at(0), Some(at(1020))), ("slow a | c +1s", at(10), Some(at(1020)))];
    assert_eq!(bands, expected);
}

#[test]
fn links_between_roles_and_the_time_that_a_role_needs_hold_for_nodes_that_are_added_later() {
    let mut sim: Simulation<u8> = Simulation::new(1);
    sim.set_delay(milliseconds(10));
    let far = netsplit::network::Link { delay: milliseconds(70).into(), ..Default::default() };
    sim.network_mut().link_roles("near", "far", far);
    sim.set_processing_time_of_role("far", milliseconds(5));
    let [near, far, other] = ["near", "far", "other"].map(|name| sim.add_client(name));
    assert_eq!(delay(&mut sim, near, far), milliseconds(75));
    assert_eq!(delay(&mut sim, far, near), milliseconds(10));
    assert_eq!(delay(&mut sim, other, far), milliseconds(15));
}
