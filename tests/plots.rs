//! Figures: the same data gives the same bytes, and what must be readable in them is there.
#![cfg(feature = "plot")]

#[path = "plots/over_seeds.rs"]
mod over_seeds;

use netsplit::fault::Fault;
use netsplit::links::Links;
use netsplit::metrics::Metrics;
use netsplit::node::NodeId;
use netsplit::plot::{self, Figure, NAMES, PlotError};
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::record::{Observer, Record, What};
use netsplit::time::{Duration, Time};

const CLIENT: usize = 3;

/// A run as records: three replicas, one client, and what happens in the order of time.
#[derive(Default)]
struct Run {
    metrics: Metrics,
    operations: u64,
}

impl Run {
    fn new() -> Run {
        let mut run = Run::default();
        for node in 0..CLIENT {
            let name = format!("replica-{node}");
            run.record(Duration::ZERO, What::Added { node: NodeId::new(node), name: &name, client: false });
        }
        run.record(Duration::ZERO, What::Added { node: NodeId::new(CLIENT), name: "client", client: true });
        run
    }

    fn record(&mut self, after: Duration, what: What<'_, ()>) {
        self.metrics.observe(Record { time: Time::ZERO + after, what });
    }

    fn fault(&mut self, after: Duration, fault: &Fault) {
        self.record(after, What::Fault { fault, lost_writes: 0, lost_state: false });
    }

    fn operation(&mut self, invoked: Duration, response: Option<(Duration, Outcome)>) {
        self.operations += 1;
        let (client, operation) = (NodeId::new(CLIENT), self.operations);
        self.record(invoked, What::Invoked { client, operation, value: &() });
        if let Some((latency, outcome)) = response {
            self.record(invoked + latency, What::Responded { client, operation, outcome, value: &() });
        }
    }

    /// A replica counts what is in its line.
    fn line(&mut self, after: Duration, replica: usize, value: u64) {
        self.record(after, What::Gauge { node: NodeId::new(replica), name: "line", value });
    }

    fn figures(&self, duration: Duration) -> Vec<Figure> {
        let figure = |name: &&str| plot::figure(name, &self.metrics, "Title", duration, seconds(1));
        NAMES.iter().map(figure).collect::<Result<_, _>>().expect("a figure")
    }
}

fn partition() -> Fault {
    Fault::Partition(Links { from: vec![NodeId::new(0)], to: vec![NodeId::new(1)], one_way: false })
}

/// Numbers that look drawn, and are the same every time.
fn scattered(index: u64) -> u64 {
    index.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40
}

/// A minute with latencies of 80 to 300 ms, a crash that stops operations, and a partition.
fn a_minute() -> Run {
    let mut run = Run::new();
    run.fault(seconds(20), &Fault::Crash(NodeId::new(0)));
    run.fault(seconds(23), &Fault::Restart(NodeId::new(0)));
    run.fault(seconds(35), &partition());
    run.fault(seconds(45), &Fault::Heal);
    for index in 0..600 {
        let invoked = milliseconds(100 * index);
        let response = match invoked.as_secs() {
            20..23 => (seconds(1), Outcome::Unknown),
            35..45 if index % 3 == 0 => (milliseconds(5), Outcome::Failed),
            _ => (milliseconds(80 + scattered(index) % 220), Outcome::Ok),
        };
        run.operation(invoked, Some(response));
    }
    run
}

/// Checks that tags are closed in order, text is escaped and every number is one.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    for piece in svg.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        assert!(!text.contains('>') && !tag.contains('&'), "{piece}");
        let ends = ["&lt;", "&gt;", "&amp;", "&quot;", "&apos;"];
        assert!(
            text.match_indices('&').all(|(at, _)| ends.iter().any(|e| text[at..].starts_with(e))),
            "{text}"
        );
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if tag.ends_with('/') => {}
            None => open.push(tag.split_whitespace().next().expect("a name")),
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    assert!(!svg.contains("NaN") && !svg.contains("inf"), "a number is not finite");
}

#[test]
fn the_same_data_gives_the_same_bytes() {
    assert_eq!(a_minute().figures(seconds(60)), a_minute().figures(seconds(60)));
}

#[test]
fn every_figure_has_its_title_axes_and_faults() {
    let mut run = a_minute();
    for (after, replica, value) in [(10, 1, 1), (20, 2, 2), (25, 2, 0)] {
        run.line(seconds(after), replica, value);
    }
    let figures = run.figures(seconds(60));
    let expected: [&[&str]; 4] = [
        &["Title", "latency (ms)", "share of operations at or below", "p50 ", "p99 ", "of 600 operations"],
        &[
            "Title",
            "time of invocation (s)",
            "latency (ms)",
            "unknown (30)",
            "failed (33)",
            "crash replica-0",
            "partition",
        ],
        &["Title", "time of invocation (s)", "share of operations that took place", "crash replica-0"],
        &["Title", "time (s)", "line: mean 1.000, at most 3", "line, all nodes together", "crash replica-0"],
    ];
    for (figure, texts) in figures.iter().zip(expected) {
        assert_well_formed(&figure.svg);
        for text in texts {
            assert!(figure.svg.contains(text), "{}: {text}", figure.name);
        }
    }
    assert_eq!(figures.iter().map(|figure| figure.name).collect::<Vec<_>>(), NAMES);
}

#[test]
fn the_data_of_a_figure_is_complete_and_exact() {
    let mut run = Run::new();
    run.operation(Duration::ZERO, Some((microseconds(80_500), Outcome::Ok)));
    run.operation(milliseconds(500), Some((milliseconds(3), Outcome::Failed)));
    run.operation(milliseconds(1500), Some((milliseconds(120), Outcome::Ok)));
    run.operation(milliseconds(1600), Some((milliseconds(120), Outcome::Ok)));
    run.operation(milliseconds(1700), Some((milliseconds(250), Outcome::Unknown)));
    run.operation(milliseconds(3100), Some((nanoseconds(200_000_001), Outcome::Ok)));
    run.operation(milliseconds(3200), None);
    for (after, replica, value) in [(5, 1, 2), (6, 2, 1), (7, 1, 0)] {
        run.line(seconds(after), replica, value);
    }
    let [cdf, over_time, availability, gauges] = run.figures(seconds(4)).try_into().expect("four figures");
    assert_eq!(gauges.csv, "gauge,from_s,value\nline,5,2\nline,6,3\nline,7,1\n");
    assert_eq!(cdf.csv, "latency_ms,share\n80.5,0.25\n120,0.75\n200.000001,1\n");
    assert_eq!(
        over_time.csv,
        "invoked_s,latency_ms,outcome\n0,80.5,ok\n0.5,,failed\n1.5,120,ok\n1.6,120,ok\n1.7,,unknown\n\
         3.1,200.000001,ok\n3.2,,open\n"
    );
    assert_eq!(availability.csv, "window_start_s,share\n0,0.5\n1,0.6666666666666666\n3,1\n");
    assert!(availability.svg.contains("no line: nothing ended"), "from 2s to 3s there is no operation");
}

#[test]
fn availability_counts_what_takes_place_within_the_deadline() {
    let mut run = a_minute();
    let all = run.figures(seconds(60))[2].clone();
    run.metrics = run.metrics.with_deadline(milliseconds(150));
    let figure = run.figures(seconds(60))[2].clone();
    assert!(figure.svg.contains("share of operations that took place within 150ms"));
    assert!(figure.svg.contains("of 600 operations took place within 150ms"));
    let first = |figure: &Figure| -> f64 {
        let line = figure.csv.lines().nth(1).expect("a first window");
        line.split_once(',').expect("two columns").1.parse().expect("a share")
    };
    assert_eq!((first(&all), first(&figure)), (1.0, 0.4));
}

#[test]
fn a_run_in_which_nothing_finished_says_so() {
    let mut run = Run::new();
    for figure in run.figures(Duration::ZERO) {
        assert_well_formed(&figure.svg);
        let nothing = ["no operations finished", "no node counts anything"];
        assert!(nothing.iter().any(|text| figure.svg.contains(text)), "{}", figure.name);
        assert_eq!(figure.csv.lines().count(), 1, "{}", figure.name);
    }
    run.operation(seconds(1), Some((seconds(1), Outcome::Unknown)));
    let figures = run.figures(seconds(60));
    assert!(figures[0].svg.contains("no operation took place"));
    assert!(!figures[2].svg.contains("no operation"), "an availability of zero is data");
}

#[test]
fn a_single_operation_of_no_duration_is_drawn() {
    let mut run = Run::new();
    run.operation(seconds(1), Some((Duration::ZERO, Outcome::Ok)));
    for figure in run.figures(seconds(1)) {
        assert_well_formed(&figure.svg);
        assert!(!figure.svg.contains("no operation"), "{}", figure.name);
    }
}

#[test]
fn a_hundred_thousand_operations_and_ten_thousand_faults_make_a_figure_below_five_megabytes() {
    let mut run = Run::new();
    for index in 0..10_000 {
        let node = NodeId::new(index as usize % CLIENT);
        run.fault(milliseconds(10 * index), &Fault::Pause(node));
        run.fault(milliseconds(10 * index + 2), &Fault::Resume(node));
    }
    for index in 0..100_000 {
        let slow = if index == 77_777 { seconds(2) } else { Duration::ZERO };
        let latency = slow + microseconds(100_000 + scattered(index) % 900_000);
        run.operation(milliseconds(index), Some((latency, Outcome::Ok)));
    }
    for figure in run.figures(seconds(100)) {
        assert!(figure.svg.len() < 5_000_000, "{}: {} bytes", figure.name, figure.svg.len());
        assert_well_formed(&figure.svg);
    }
    let narrow = plot::availability(&run.metrics, "Title", seconds(100), microseconds(1)).expect("a figure");
    assert!(narrow.svg.len() < 500_000, "{} bytes", narrow.svg.len());
    assert_eq!(run.figures(seconds(100))[1].csv.lines().count(), 100_001);
}

#[test]
fn titles_and_names_of_any_kind_leave_the_figure_well_formed() {
    let mut run = Run::new();
    let name = "<a> & \"b\" \u{7}";
    run.record(Duration::ZERO, What::Added { node: NodeId::new(9), name, client: false });
    run.fault(seconds(1), &Fault::Crash(NodeId::new(9)));
    let long = "Überlang & <unbounded> ".repeat(20);
    let figure = plot::availability(&run.metrics, &long, seconds(9), seconds(1)).expect("a figure");
    assert_well_formed(&figure.svg);
    assert!(figure.svg.contains("crash &lt;a&gt; &amp;") && !figure.svg.contains('\u{7}'));
    assert!(figure.svg.contains('…'), "the title is cut to the width of the page");
}

#[test]
fn an_unknown_name_and_an_empty_window_are_errors() {
    let metrics = Metrics::default();
    let figure = |name, window| plot::figure(name, &metrics, "Title", seconds(1), window);
    let unknown = figure("histogram", seconds(1)).expect_err("no such figure");
    assert_eq!(
        unknown.to_string(),
        "there is no figure `histogram`: expected latency-cdf, latency-over-time, availability, \
         gauges-over-time"
    );
    assert_eq!(figure("availability", Duration::ZERO), Err(PlotError::EmptyWindow));
}

/// What is written in a figure, with its place: left, top, right and bottom, by a narrow font.
fn texts(svg: &str) -> Vec<(String, [f64; 4])> {
    let text = |piece: &str| {
        let (tag, rest) = piece.split_once('>').expect("a tag ends");
        let value = |name: &str| {
            let (_, value) = tag.split_once(&format!(" {name}=\"")).expect(name);
            value.split_once('"').expect("a value ends").0
        };
        let number = |name: &str| value(name).parse::<f64>().expect("a number");
        let written = rest.split_once('<').expect("an end").0.trim().to_string();
        let (size, width) =
            (number("font-size"), 0.45 * written.chars().count() as f64 * number("font-size"));
        let left = number("x")
            - match value("text-anchor") {
                "start" => 0.0,
                "middle" => width / 2.0,
                _ => width,
            };
        let top = number("y") - if value("dy") == "0.76em" { 0.0 } else { size / 2.0 };
        (!tag.contains("rotate")).then_some((written, [left, top, left + width, top + 0.8 * size]))
    };
    svg.split("<text").skip(1).filter_map(text).collect()
}

fn assert_nothing_overlaps(svg: &str) {
    let texts = texts(svg);
    for (place, (one, a)) in texts.iter().enumerate() {
        assert!(a[0] >= 0.0 && a[2] <= 1000.0 && a[1] >= 0.0 && a[3] <= 640.0, "`{one}` is cut off");
        for (other, b) in &texts[..place] {
            let apart = a[0] >= b[2] || b[0] >= a[2] || a[1] >= b[3] || b[1] >= a[3];
            assert!(apart, "`{one}` and `{other}` overlap");
        }
    }
}

#[test]
fn the_pixels_of_a_figure_are_twice_as_fine_as_its_page() {
    for figure in a_minute().figures(seconds(60)) {
        assert_eq!(figure.png[..8], *b"\x89PNG\r\n\x1a\n", "{}", figure.name);
        let size =
            |from: usize| u32::from_be_bytes(figure.png[from..from + 4].try_into().expect("four bytes"));
        assert_eq!((size(16), size(20)), (2000, 1280));
        assert!(figure.png.len() < 100_000, "{}: {} bytes", figure.name, figure.png.len());
        assert_nothing_overlaps(&figure.svg);
    }
}
