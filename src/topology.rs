//! Regions and the time between them, from a measured matrix or from a graph of cables.

use crate::distribution::{Distribution, constant};
#[cfg(feature = "graph")]
use crate::time::nanoseconds_of;
#[cfg(feature = "graph")]
use petgraph::{Undirected, algo::dijkstra, graph::Graph};
use std::fmt;
use std::time::Duration;

/// Regions with the round-trip time between each two, and a jitter for each.
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    regions: Vec<String>,
    /// Half of the round-trip time, by row and column.
    one_way: Vec<Vec<Duration>>,
    jitter: Vec<Distribution>,
}

/// What is wrong with a topology, and in which line of its text (counted from one).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopologyError {
    /// The line.
    pub line: usize,
    /// What is there and what was expected.
    pub problem: String,
}

impl fmt::Display for TopologyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.problem)
    }
}

impl std::error::Error for TopologyError {}

impl Topology {
    /// Reads a square matrix of round-trip times in milliseconds as comma-separated values: the first
    /// row names the regions after one leading cell, and each row begins with its region.
    ///
    /// # Errors
    /// With the line, if the matrix is empty or not square, a region is named twice or out of order, or a
    /// time is negative or not a number.
    pub fn from_csv(text: &str) -> Result<Topology, TopologyError> {
        let error = |line: usize, problem: String| TopologyError { line: line + 1, problem };
        let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let Some((first, header)) = lines.next() else {
            return Err(error(0, "the matrix is empty: expected a row that names the regions".to_string()));
        };
        let regions: Vec<String> = header.split(',').skip(1).map(|cell| cell.trim().to_string()).collect();
        if regions.is_empty() {
            return Err(error(
                first,
                "no region is named: expected `region,Oregon,Virginia,...`".to_string(),
            ));
        }
        for (at, region) in regions.iter().enumerate() {
            if region.is_empty() || regions[..at].contains(region) {
                return Err(error(first, format!("region `{region}`: expected names, each once")));
            }
        }
        let mut one_way = Vec::new();
        let mut last = first;
        for (line, row) in lines {
            last = line;
            let mut cells = row.split(',').map(str::trim);
            let name = cells.next().unwrap_or_default();
            let expected = regions.get(one_way.len()).map_or("no further row", String::as_str);
            if name != expected {
                return Err(error(line, format!("row `{name}`: expected {expected}, as in the first row")));
            }
            let mut times = Vec::new();
            for cell in cells {
                let round_trip = milliseconds_from(cell).map_err(|problem| error(line, problem))?;
                times.push(round_trip / 2);
            }
            if times.len() != regions.len() {
                let (found, expected) = (times.len(), regions.len());
                return Err(error(line, format!("{found} times: the matrix is square, expected {expected}")));
            }
            one_way.push(times);
        }
        if one_way.len() != regions.len() {
            let (found, expected) = (one_way.len(), regions.len());
            return Err(error(last, format!("{found} rows: the matrix is square, expected {expected}")));
        }
        let jitter = vec![constant(Duration::ZERO); regions.len()];
        Ok(Topology { regions, one_way, jitter })
    }

    /// Regions joined by cables, each with its round-trip time; messages take the shortest way.
    ///
    /// # Errors
    /// If two regions are not joined, naming them.
    #[cfg(feature = "graph")]
    pub fn from_graph(graph: &Graph<String, Duration, Undirected>) -> Result<Topology, TopologyError> {
        let mut one_way = Vec::new();
        for from in graph.node_indices() {
            let lengths = dijkstra(graph, from, None, |cable| nanoseconds_of(*cable.weight()));
            let to_each = graph.node_indices().map(|to| {
                let problem = || format!("no way leads from {} to {}", graph[from], graph[to]);
                let length = lengths.get(&to).ok_or_else(|| TopologyError { line: 1, problem: problem() })?;
                Ok(Duration::from_nanos(length / 2))
            });
            one_way.push(to_each.collect::<Result<_, TopologyError>>()?);
        }
        let regions: Vec<String> = graph.node_weights().cloned().collect();
        let jitter = vec![constant(Duration::ZERO); regions.len()];
        Ok(Topology { regions, one_way, jitter })
    }

    /// Adds a span drawn from `jitter` to the delay of every message that leaves `region`.
    ///
    /// # Panics
    /// If there is no such region.
    #[track_caller]
    pub fn set_jitter(&mut self, region: &str, jitter: impl Into<Distribution>) {
        let index = self.find(region).unwrap_or_else(|| panic!("there is no region `{region}`"));
        self.jitter[index] = jitter.into();
    }

    /// The regions, in the order of the matrix.
    pub fn regions(&self) -> &[String] {
        &self.regions
    }

    /// The round-trip time between two regions without jitter; none if there is no such region.
    pub fn round_trip(&self, a: &str, b: &str) -> Option<Duration> {
        let (a, b) = (self.find(a)?, self.find(b)?);
        Some(self.one_way[a][b] + self.one_way[b][a])
    }

    pub(crate) fn find(&self, region: &str) -> Option<usize> {
        self.regions.iter().position(|known| known == region)
    }

    pub(crate) fn delay(&self, from: usize, to: usize, number: u64) -> Duration {
        self.one_way[from][to] + self.jitter[from].sample(number)
    }
}

/// A round-trip time in milliseconds, such as `81` or `0.25`.
fn milliseconds_from(cell: &str) -> Result<Duration, String> {
    let error = || format!("`{cell}` is not a round-trip time: expected milliseconds, such as 81 or 0.25");
    let number: f64 = cell.parse().map_err(|_| error())?;
    if !(0.0..=1e9).contains(&number) {
        return Err(error());
    }
    crate::time::parse_span(&format!("{cell}ms")).map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::milliseconds;

    #[test]
    fn a_matrix_gives_half_of_the_round_trip_each_way_and_jitter_on_top() {
        let mut topology = Topology::from_csv("region,A,B\nA,0,81\nB,81,0.5\n").expect("a square matrix");
        assert_eq!(topology.round_trip("A", "B"), Some(milliseconds(81)));
        assert_eq!(topology.delay(0, 1, 0), Duration::from_micros(40_500));
        topology.set_jitter("A", milliseconds(2));
        assert_eq!(topology.delay(0, 1, 0), Duration::from_micros(42_500));
        assert_eq!(topology.delay(1, 0, 0), Duration::from_micros(40_500));
    }

    #[test]
    fn a_bad_matrix_is_refused_with_its_line() {
        for (text, line, words) in [
            ("", 1, "empty"),
            ("region\n", 1, "no region is named"),
            ("r,A,A\nA,0,1\nA,1,0\n", 1, "each once"),
            ("r,A,B\nA,0\nB,1,0\n", 2, "the matrix is square, expected 2"),
            ("r,A,B\nA,0,1\n", 2, "1 rows"),
            ("r,A,B\nA,0,1\nC,1,0\n", 3, "expected B"),
            ("r,A,B\nA,0,1\nB,1,0\nC,1,1\n", 4, "no further row"),
            ("r,A,B\nA,0,-1\nB,1,0\n", 2, "`-1` is not a round-trip time"),
            ("r,A,B\nA,0,fast\nB,1,0\n", 2, "`fast` is not a round-trip time"),
        ] {
            let error = Topology::from_csv(text).expect_err(text);
            assert_eq!(error.line, line, "{text}: {error}");
            assert!(error.problem.contains(words), "{text}: {error}");
        }
    }

    #[cfg(feature = "graph")]
    #[test]
    fn a_graph_gives_the_shortest_way() {
        let mut graph = Graph::new_undirected();
        let nodes = ["A", "B", "C"].map(|name| graph.add_node(name.to_string()));
        graph.add_edge(nodes[0], nodes[1], milliseconds(10));
        graph.add_edge(nodes[1], nodes[2], milliseconds(20));
        let topology = Topology::from_graph(&graph).expect("a connected graph");
        assert_eq!(topology.round_trip("A", "C"), Some(milliseconds(30)));

        graph.add_node("D".to_string());
        let error = Topology::from_graph(&graph).expect_err("D is alone");
        assert!(error.problem.contains("from A to D"));
    }
}
