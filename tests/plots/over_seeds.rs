//! Figures over seeds and settings.

use super::{Run, assert_nothing_overlaps, assert_well_formed, partition, scattered, texts};
use netsplit::fault::Fault;
use netsplit::node::NodeId;
use netsplit::plot::Figure;
use netsplit::plot::sweep::{self, Key, Runs, Sweep};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::record::What;
use netsplit::time::Duration;

/// Runs of a setting that offers `load` operations in a second for ten seconds, all of them available with
/// stale reads, or a part of them without. The crash is in all runs, and the partition is drawn.
fn runs(values: &[&str], load: u64, stale: bool, seeds: impl Iterator<Item = u64>) -> Runs {
    let values: Vec<String> = values.iter().map(|value| value.to_string()).collect();
    let mut runs = Runs::new(&values, seconds(10), Some(seconds(1)));
    for seed in seeds {
        let mut run = Run::new();
        run.fault(milliseconds(100 * seed), &partition());
        run.fault(milliseconds(100 * seed + 50), &Fault::Heal);
        run.fault(seconds(4), &Fault::Crash(NodeId::new(0)));
        run.fault(seconds(6), &Fault::Restart(NodeId::new(0)));
        for index in 0..10 * load {
            let invoked = milliseconds(1000 * index / load);
            let latency = microseconds(1000 * load + scattered(seed * 1000 + index) % 100_000);
            let down = (4..6).contains(&invoked.as_secs()) && !stale;
            let outcome = if down { Outcome::Unknown } else { Outcome::Ok };
            run.operation(invoked, Some((latency, outcome)));
        }
        runs.add(&run.metrics, Some(if stale { 0.1 + seed as f64 / 1000.0 } else { 0.0 }));
    }
    runs
}

fn key(name: &str, values: &[&str]) -> Key {
    Key { name: name.to_string(), values: values.iter().map(|value| value.to_string()).collect() }
}

#[test]
fn a_line_for_each_setting_has_its_name_and_the_faults_of_all_runs() {
    let settings = [runs(&["abd"], 20, false, 0..8), runs(&["dynamo"], 20, true, 0..8)];
    let keys = [key("model", &["abd", "dynamo"])];
    let sweep = Sweep { title: "Two stores", keys: &keys, settings: settings.iter().collect() };
    let suitable = ["latency-cdf", "latency-over-time", "availability", "availability-against-staleness"];
    assert_eq!(sweep::suitable(&sweep), suitable);
    for name in suitable {
        let figure = sweep::figure(name, &sweep).expect(name);
        assert_well_formed(&figure.svg);
        assert_nothing_overlaps(&figure.svg);
        for text in ["Two stores", "model", "abd", "dynamo"] {
            assert!(figure.svg.contains(text), "{name}: {text}");
        }
        let over_time = ["latency-over-time", "availability"].contains(&name);
        assert_eq!(figure.svg.contains("crash replica-0"), over_time, "{name}");
        assert!(!figure.svg.contains("partition"), "{name}: what is drawn is different in each run");
    }
    let availability = sweep::figure("availability", &sweep).expect("a figure").csv;
    let line = |number: usize| availability.lines().nth(number).expect("a line");
    assert_eq!(line(0), "model,window_start_s,share,share_low,share_high,seeds");
    assert_eq!((line(1), line(5), line(15)), ("abd,0,1,1,1,8", "abd,4,0,0,0,8", "dynamo,4,1,1,1,8"));
    let trade = sweep::figure("availability-against-staleness", &sweep).expect("a figure").csv;
    assert_eq!(
        trade,
        "model,stale_share,stale_low,stale_high,availability,availability_low,availability_high\n\
         abd,0,0,0,0.8,0.8,0.8\ndynamo,0.103,0.1,0.107,1,1,1\n"
    );
    // Where nothing took place there is no latency.
    let latency = sweep::figure("latency-over-time", &sweep).expect("a figure").csv;
    assert!(!latency.contains("\nabd,4,") && latency.contains("\ndynamo,4,"), "{latency}");
}

#[test]
fn the_order_of_runs_changes_no_figure() {
    let figures = |seeds: Vec<u64>| {
        let runs = runs(&[], 20, true, seeds.into_iter());
        let sweep = Sweep { title: "Title", keys: &[], settings: vec![&runs] };
        let names = sweep::suitable(&sweep);
        names.into_iter().map(|name| sweep::figure(name, &sweep).expect(name)).collect::<Vec<_>>()
    };
    assert_eq!(figures(vec![1, 2, 3, 4, 5, 6, 7]), figures(vec![7, 3, 1, 5, 2, 6, 4]));
}

#[test]
fn percentiles_stand_over_the_load_that_was_measured_whatever_the_order_of_settings() {
    let settings = [runs(&["3"], 30, true, 0..6), runs(&["1"], 10, true, 0..6)];
    let keys = [key("clients", &["3", "1"])];
    let sweep = Sweep { title: "Load", keys: &keys, settings: settings.iter().collect() };
    let figure = sweep::figure("latency-against-load", &sweep).expect("a figure");
    assert_nothing_overlaps(&figure.svg);
    let cells: Vec<Vec<&str>> = figure.csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(cells[0][..5], ["clients", "invocations_per_s", "p50_ms", "p50_low_ms", "p50_high_ms"]);
    assert_eq!((&cells[1][..2], &cells[2][..2]), (&["1", "10"][..], &["3", "30"][..]));
    for text in
        ["p50", "p90", "p99", "operations offered per second, by clients", "median over 6 seeds, with"]
    {
        assert!(figure.svg.contains(text), "{text}");
    }
}

#[test]
fn a_heat_map_has_a_cell_with_its_number_for_each_pair_of_values() {
    let (across, up) = (["1", "2", "3"], ["{ exponential = \"40ms\" }", "20ms"]);
    let pairs = across.iter().flat_map(|one| up.iter().map(move |other| [*one, *other]));
    let settings: Vec<Runs> =
        pairs.enumerate().map(|(place, pair)| runs(&pair, 5 + place as u64, place > 2, 0..6)).collect();
    let keys = [key("clients", &across), key("think_time", &up)];
    let sweep = Sweep { title: "Two keys", keys: &keys, settings: settings.iter().collect() };
    for (name, cells) in [
        ("heat-map-availability", ["0.8", "1"]),
        ("heat-map-staleness", ["0", "0.102"]),
        ("heat-map-latency", ["ms", "1"]),
    ] {
        let figure = sweep::figure(name, &sweep).expect(name);
        assert_well_formed(&figure.svg);
        assert_nothing_overlaps(&figure.svg);
        let written: Vec<String> = texts(&figure.svg).into_iter().map(|(text, _)| text).collect();
        for text in ["exponential 40ms", "clients"].into_iter().chain(cells) {
            assert!(written.iter().any(|all| all.contains(text)), "{name}: {text} is not in {written:?}");
        }
        assert_eq!(figure.csv.lines().count(), 7);
        assert!(figure.csv.contains("\n1,\"{ exponential = \"\"40ms\"\" }\","), "{}", figure.csv);
    }
}

#[test]
fn forty_settings_of_long_names_still_have_a_readable_key() {
    let names: Vec<String> = (0..40).map(|index| format!("a setting with the number {index}")).collect();
    let settings: Vec<Runs> = names.iter().map(|name| runs(&[name], 2, true, 0..2)).collect();
    let keys = [key("setting", &names.iter().map(String::as_str).collect::<Vec<_>>())];
    let sweep = Sweep { title: "Many", keys: &keys, settings: settings.iter().collect() };
    let figure = sweep::figure("availability", &sweep).expect("a figure");
    assert_nothing_overlaps(&figure.svg);
    assert!(figure.svg.contains(" more"), "what does not fit is counted");
    assert_eq!(sweep::suitable(&sweep), ["availability-against-staleness"]);
}

#[test]
fn a_sweep_of_nothing_says_so_in_every_figure() {
    let nothing = Runs::new(&["1".to_string()], seconds(1), Some(seconds(1)));
    let other = Runs::new(&["1".to_string(), "2".to_string()], seconds(1), Some(seconds(1)));
    let (one, two) = ([key("a", &["1"])], [key("a", &["1"]), key("b", &["2"])]);
    for name in sweep::names() {
        let (keys, runs) = if name.starts_with("heat") { (&two[..], &other) } else { (&one[..], &nothing) };
        let figure = sweep::figure(name, &Sweep { title: "Title", keys, settings: vec![runs] }).expect(name);
        assert_well_formed(&figure.svg);
        assert!(
            figure.svg.contains(">\nno ")
                || texts(&figure.svg).iter().any(|(text, _)| text.starts_with("no "))
        );
    }
}

#[test]
fn a_figure_of_another_sweep_says_what_it_needs() {
    let error = |name: &str, keys: &[Key]| sweep::applies(name, keys).expect_err(name).to_string();
    let two = [key("a", &["1"]), key("b", &["1"])];
    assert_eq!(error("heat-map-latency", &[]), "the figure `heat-map-latency` needs two varied keys");
    assert!(error("latency-against-load", &two).contains("needs one varied key"));
    assert!(error("latency-against-load", &[key("model", &["abd", "dynamo"])]).contains("numbers"));
    assert!(error("pie", &two).starts_with("there is no figure `pie`: expected latency-cdf, "));
    assert_eq!(sweep::applies("latency-against-load", &[key("a", &["{ constant = \"1ms\" }", "2"])]), Ok(()));
}

/// Runs in which the only operation never ends.
fn without_an_end(value: &str) -> Runs {
    let mut runs = Runs::new(&[value.to_string()], seconds(10), Some(seconds(1)));
    for _ in 0..6 {
        let mut run = Run::new();
        run.operation(Duration::ZERO, None);
        runs.add(&run.metrics, None);
    }
    runs
}

fn figure(name: &str, key: Key, settings: &[Runs]) -> Figure {
    let sweep = Sweep { title: "Load 0.8", keys: &[key], settings: settings.iter().collect() };
    let figure = sweep::figure(name, &sweep).expect(name);
    assert_well_formed(&figure.svg);
    assert_nothing_overlaps(&figure.svg);
    figure
}

#[test]
fn latencies_are_hollow_where_many_operations_did_not_take_place() {
    let load = |light: bool| {
        let settings = [runs(&["1"], 10, light, 0..6), runs(&["3"], 30, true, 0..6)];
        figure("latency-against-load", key("clients", &["1", "3"]), &settings)
    };
    let (flattered, all) = (load(false), load(true));
    // One for each percentile, and one in the key; dashes are lines of their own.
    assert_eq!(flattered.svg.matches(r#"r="4""#).count(), 4);
    assert!(flattered.svg.contains("fewer than 99 % did"));
    assert!(flattered.svg.matches("<polyline").count() > all.svg.matches("<polyline").count() + 30);
    assert!(!all.svg.contains(r#"r="4""#) && !all.svg.contains("99 %"));
    assert!(all.svg.contains("of the operations that took place"));
    let rows: Vec<&str> = flattered.csv.lines().collect();
    assert!(rows[0].ends_with(",p99_high_ms,availability,availability_low,availability_high"));
    assert!(rows[1].ends_with(",0.8,0.8,0.8") && rows[2].ends_with(",1,1,1"), "{rows:?}");
}

#[test]
fn latency_against_load_suits_a_sweep_in_which_loads_differ() {
    let keys = [key("back_off", &["1", "3"])];
    let suits = |loads: [u64; 2]| {
        let settings = [runs(&["1"], loads[0], true, 0..2), runs(&["3"], loads[1], true, 0..2)];
        let sweep = Sweep { title: "Title", keys: &keys, settings: settings.iter().collect() };
        sweep::suitable(&sweep).contains(&"latency-against-load")
    };
    assert_eq!([[40, 40], [40, 42], [43, 40]].map(suits), [false, false, true]);
}

#[test]
fn a_setting_in_which_nothing_ended_and_a_gap_are_named() {
    let back_off = || key("back_off", &["5ms", "80ms"]);
    for name in ["latency-cdf", "latency-over-time", "availability", "latency-against-load"] {
        let settings = [without_an_end("5ms"), runs(&["80ms"], 20, false, 0..6)];
        let figure = figure(name, back_off(), &settings);
        assert!(figure.svg.contains("5ms: nothing ended"), "{name}");
        let gap = figure.svg.contains("no line: nothing took place");
        assert_eq!(gap, name == "latency-over-time", "{name}: the crash leaves nothing to measure");
        assert_eq!(figure.svg.contains("time of invocation (s)"), figure.csv.contains("window_start_s"));
    }
    let settings = [runs(&["5ms"], 20, true, 0..6), runs(&["80ms"], 20, true, 0..6)];
    let whole = figure("latency-over-time", back_off(), &settings);
    assert!(!whole.svg.contains("no line") && !whole.svg.contains("nothing"));
}

#[test]
fn a_figure_says_what_is_varied_and_that_its_band_is_that_of_the_median() {
    let clients = key("clients", &["1", "3"]);
    let settings = [runs(&["1"], 10, true, 0..6), runs(&["3"], 30, true, 0..5)];
    let sweep = Sweep { title: "Load 0.8", keys: &[clients], settings: settings.iter().collect() };
    for name in sweep::suitable(&sweep) {
        let svg = sweep::figure(name, &sweep).expect(name).svg;
        assert!(svg.contains("varied: clients"), "{name}");
        // As after an interrupt.
        let median = "median over 5 to 6 seeds, with the 95 % confidence band of the median";
        assert_eq!(svg.contains(median), name != "latency-cdf", "{name}");
        let of_the_trade = ["over the whole run of 10s", "better: up and left"];
        let is_trade = name == "availability-against-staleness";
        assert!(of_the_trade.iter().all(|text| svg.contains(text) == is_trade), "{name}");
    }
}

#[test]
fn what_is_better_is_lighter_and_an_empty_cell_says_none() {
    let clients = ["1", "3"];
    let mut settings: Vec<Runs> = Vec::new();
    for (place, up) in ["a", "b"].iter().enumerate() {
        settings.push(runs(&["1", up], 5, place == 1, 0..6));
    }
    settings.push(runs(&["3", "a"], 90, true, 0..6));
    let none = Runs::new(&["3".to_string(), "b".to_string()], seconds(10), Some(seconds(1)));
    settings.push(none);
    let keys = [key("clients", &clients), key("kind", &["a", "b"])];
    let sweep = Sweep { title: "Two keys", keys: &keys, settings: settings.iter().collect() };
    // By the number beside the lightest square of the key; the slowest take more than 190 ms.
    for (name, best) in [("availability", "1"), ("latency", "ms"), ("staleness", "0")] {
        let figure = sweep::figure(&format!("heat-map-{name}"), &sweep).expect(name);
        assert_nothing_overlaps(&figure.svg);
        assert!(figure.svg.contains("(lighter is better)"), "{name}");
        let lightest = figure.svg.split("#FDE725").nth(1).expect(name);
        let beside = texts(&format!("<text{}", lightest.split("<text").nth(1).expect(name)));
        assert!(beside[0].0.ends_with(best) && !beside[0].0.starts_with("19"), "{name}: {beside:?}");
        assert_eq!(texts(&figure.svg).iter().filter(|(text, _)| text == "none").count(), 1, "{name}");
    }
}

#[test]
fn of_many_points_those_that_no_other_beats_are_named() {
    let names: Vec<String> = (0..13).map(|index| format!("q{index}")).collect();
    let trade = |count: usize| {
        // The first is not stale, the second and the third are equal and always available, the others neither.
        let setting = |(place, name): (usize, &String)| runs(&[name], 20, (1..3).contains(&place), 0..1);
        let mut settings: Vec<Runs> = names[..count].iter().enumerate().map(setting).collect();
        for (place, name) in names[..count].iter().enumerate().skip(3) {
            settings[place] = Runs::new(std::slice::from_ref(name), seconds(10), Some(seconds(1)));
            let mut run = Run::new();
            run.operation(Duration::ZERO, Some((milliseconds(1), Outcome::Ok)));
            run.operation(seconds(1), Some((milliseconds(1), Outcome::Failed)));
            settings[place].add(&run.metrics, Some(0.2 + place as f64 / 100.0));
        }
        let keys = key("quorum", &names[..count].iter().map(String::as_str).collect::<Vec<_>>());
        figure("availability-against-staleness", keys, &settings).svg
    };
    let written = |svg: &str| -> Vec<String> {
        texts(svg).into_iter().map(|(text, _)| text).filter(|text| text.starts_with('q')).collect()
    };
    assert_eq!(written(&trade(12)).len(), 12);
    assert_eq!(written(&trade(13)), ["q0", "q1 and 1 more"]);
    assert!(trade(13).contains("named: those that no other beats") && !trade(12).contains("named"));
}

#[test]
fn what_nodes_count_has_a_line_for_each_setting() {
    let setting = |value: &str, height: u64| {
        let mut runs = Runs::new(&[value.to_string()], seconds(4), Some(seconds(1)));
        for seed in 0..6 {
            let mut run = Run::new();
            run.line(milliseconds(500), 0, height);
            run.line(seconds(1), 1, height + seed);
            run.line(seconds(3), 1, 0);
            runs.add(&run.metrics, None);
        }
        runs
    };
    let settings = [setting("1", 2), setting("2", 10), without_an_end("3")];
    let figure = figure("gauges-over-time", key("clients", &["1", "2", "3"]), &settings);
    let expected = "clients,gauge,window_start_s,mean,mean_low,mean_high,seeds\n\
                    1,line,0,1,1,1,6\n1,line,1,6,4,9,6\n1,line,2,6,4,9,6\n1,line,3,2,2,2,6\n\
                    2,line,0,5,5,5,6\n2,line,1,22,20,25,6\n2,line,2,22,20,25,6\n2,line,3,10,10,10,6\n";
    assert_eq!(figure.csv, expected);
    for text in ["line, all nodes together, mean of each window", "time (s)", "3: never counted"] {
        assert!(figure.svg.contains(text), "{text}");
    }
    let keys = [key("clients", &["1", "2", "3"])];
    let sweep = Sweep { title: "Title", keys: &keys, settings: settings.iter().collect() };
    assert!(sweep::suitable(&sweep).contains(&"gauges-over-time"));
}

#[test]
fn of_two_counts_the_second_is_thin_in_the_colour_of_its_setting() {
    let setting = |value: Option<&str>| {
        let values: Vec<String> = value.into_iter().map(String::from).collect();
        let mut runs = Runs::new(&values, seconds(4), Some(seconds(1)));
        let mut run = Run::new();
        run.line(seconds(1), 0, 2);
        let node = NodeId::new(1);
        run.record(seconds(2), What::Gauge { node, name: "handed out", value: 1 });
        runs.add(&run.metrics, None);
        runs
    };
    let thin = |figure: &Figure, colour: &str| {
        let line = format!(r##"stroke="#{colour}" stroke-width="1""##);
        figure.svg.contains(&line)
    };
    let settings = ["1", "2"].map(|value| setting(Some(value)));
    let varied = figure("gauges-over-time", key("clients", &["1", "2"]), &settings);
    assert!(thin(&varied, "0072B2") && thin(&varied, "D55E00"), "each setting has a thin line");
    let alone = setting(None);
    let sweep = Sweep { title: "Title", keys: &[], settings: vec![&alone] };
    let alone = sweep::figure("gauges-over-time", &sweep).expect("a figure");
    assert!(!thin(&alone, "0072B2") && !thin(&alone, "D55E00"), "each count has a colour");
    for text in ["handed out", "line", "count, all nodes together"] {
        assert!(varied.svg.contains(text) && alone.svg.contains(text), "{text}");
    }
}
