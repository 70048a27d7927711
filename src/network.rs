//! The simulated network: what a link does to a message. It knows links and regions, not processes.
//!
//! A message's *address* is its link and its number on it, `n3>n1#4`: the fourth message from n3 to n1. (In a
//! simulation of more than 64 nodes: the fourth message from n3, which goes to n1.)
//! Its random numbers are a function of (seed, address, slot); its fate is those numbers applied to the
//! link as it is when the message is sent.

mod counters;

pub(crate) use counters::Counters;

use crate::distribution::{Distribution, uniform};
use crate::node::{NodeId, ParseNodeError};
use crate::random::{Domain, Random};
use crate::time::{milliseconds, nanoseconds_of};
use crate::topology::Topology;
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// A message's name: its link, and its number among the messages sent on it, counted from one. In a simulation of more
/// than 64 nodes it is the number among all that its sender sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The message's number on its link.
    pub number: u64,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&format!("{}>{}#{}", self.from, self.to, self.number))
    }
}

/// Why a text is not a message's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseAddressError(String);

impl fmt::Display for ParseAddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a message: expected sender, receiver and number, such as n3>n1#4", self.0)
    }
}

impl std::error::Error for ParseAddressError {}

impl FromStr for Address {
    type Err = ParseAddressError;
    fn from_str(text: &str) -> Result<Self, ParseAddressError> {
        let error = || ParseAddressError(text.to_string());
        let node = |name: &str| name.parse().map_err(|_: ParseNodeError| error());
        let (link, number) = text.split_once('#').ok_or_else(error)?;
        let (from, to) = link.split_once('>').ok_or_else(error)?;
        let number = number.parse().map_err(|_| error())?;
        Ok(Address { from: node(from)?, to: node(to)?, number })
    }
}

/// A probability, compared with 64-bit random numbers without rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(try_from = "f64", into = "f64"))]
pub struct Probability {
    value: f64,
    /// Of the 2^64 numbers, it holds for so many, the lowest; if the value is one, for all of them.
    share: u64,
}

/// Why a number is not a probability.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbabilityError(f64);

impl fmt::Display for ProbabilityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is not a probability: expected a number from 0 to 1", self.0)
    }
}

impl std::error::Error for ProbabilityError {}

impl Probability {
    /// Never.
    pub const ZERO: Probability = Probability { value: 0.0, share: 0 };

    /// Whether there is a number that it holds for.
    #[inline]
    pub(crate) fn may_hold(self) -> bool {
        self.share > 0
    }

    /// True for this share of all numbers.
    #[inline]
    pub(crate) fn holds_for(self, number: u64) -> bool {
        // Only one is rounded to the largest number: the next smaller `f64` is 2^11 less.
        number < self.share || self.share == u64::MAX
    }
}

impl TryFrom<f64> for Probability {
    type Error = ProbabilityError;
    fn try_from(number: f64) -> Result<Self, ProbabilityError> {
        // Scaling by a power of two is exact, and the cast keeps all of it but for one.
        let share = (number * 18_446_744_073_709_551_616.0) as u64;
        let probability = Probability { value: number, share };
        if (0.0..=1.0).contains(&number) { Ok(probability) } else { Err(ProbabilityError(number)) }
    }
}

impl From<Probability> for f64 {
    fn from(probability: Probability) -> f64 {
        probability.value
    }
}

/// What one direction between two nodes does to messages.
///
/// The default delays by 1 ms to 10 ms, every span equally likely, so that messages overtake each other,
/// and neither loses nor duplicates.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "data", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "data", serde(default, deny_unknown_fields))]
pub struct Link {
    /// From sending to arrival.
    pub delay: Distribution,
    /// How likely a message is lost.
    pub loss_probability: Probability,
    /// How likely a message that is not lost arrives twice, the copy with a delay of its own.
    pub duplication_probability: Probability,
}

impl Default for Link {
    fn default() -> Self {
        Link {
            delay: uniform(milliseconds(1)..=milliseconds(10)),
            loss_probability: Probability::ZERO,
            duplication_probability: Probability::ZERO,
        }
    }
}

/// What becomes of a message that no partition cuts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Lost,
    /// After so many nanoseconds, and its copy.
    Arrives {
        after: u64,
        copy_after: Option<u64>,
    },
}

/// The random numbers of a message: two in each block. The blocks are fixed, so that a link that starts to duplicate
/// does not change which messages it loses. (The third is kept for corruption.)
#[derive(Clone, Copy, Debug)]
pub(crate) enum Block {
    /// Loss, delay.
    First,
    /// Duplication, the copy's delay.
    Second,
}

/// What message `number` on a link draws.
#[inline(always)]
pub(crate) fn drawn(random: &Random, link: u64, number: u64, block: Block) -> [u64; 2] {
    random.at(Domain::Message, link, number << 2 | block as u64)
}

/// All links.
#[derive(Clone, Debug, Default)]
pub struct Network {
    default_link: Link,
    links: BTreeMap<(NodeId, NodeId), Link>,
    /// The links between the nodes of two roles, as indices into `linked_roles`.
    links_by_role: BTreeMap<(usize, usize), Link>,
    linked_roles: Vec<String>,
    /// The nodes of those roles.
    members: BTreeMap<NodeId, usize>,
    topology: Option<Topology>,
    /// The region of each node, as an index into the topology.
    regions: BTreeMap<NodeId, usize>,
    /// The regions of the nodes of a role, in turn.
    roles: BTreeMap<String, Vec<usize>>,
}

impl Network {
    /// The link used where no other is set.
    pub fn default_link_mut(&mut self) -> &mut Link {
        &mut self.default_link
    }

    /// Neither loses nor duplicates any message from now on. The delays stay as they are.
    pub fn lose_nothing(&mut self) {
        let links = self.links.values_mut().chain(self.links_by_role.values_mut());
        for link in links.chain([&mut self.default_link]) {
            (link.loss_probability, link.duplication_probability) = (Probability::ZERO, Probability::ZERO);
        }
    }

    /// Sets the link from `from` to `to`, that direction only. It wins over roles and regions.
    pub fn set_link(&mut self, from: impl Into<NodeId>, to: impl Into<NodeId>, link: Link) {
        self.links.insert((from.into(), to.into()), link);
    }

    /// Sets the links from each node of the role `from` to each of the role `to`, that direction only, for nodes
    /// that are added from now on. They win over regions.
    pub fn link_roles(&mut self, from: &str, to: &str, link: Link) {
        let mut index = |role: &str| {
            let known = self.linked_roles.iter().position(|known| known == role);
            known.unwrap_or_else(|| {
                self.linked_roles.push(role.to_string());
                self.linked_roles.len() - 1
            })
        };
        let roles = (index(from), index(to));
        self.links_by_role.insert(roles, link);
    }

    /// Places nodes in regions from now on, with [`Network::place`]. Between placed nodes the delay is
    /// the topology's; loss and duplication are the default link's.
    pub fn set_topology(&mut self, topology: Topology) {
        self.regions.clear();
        self.roles.clear();
        self.topology = Some(topology);
    }

    /// Puts `node` into `region`.
    ///
    /// # Panics
    /// If no topology is set or it has no such region.
    #[track_caller]
    pub fn place(&mut self, node: impl Into<NodeId>, region: &str) {
        let index = self.region_index(region);
        self.regions.insert(node.into(), index);
    }

    /// Puts the nodes of `role` that are added from now on into `regions`, one after the other and round
    /// again.
    ///
    /// # Panics
    /// If no topology is set, it has no such region, or `regions` is empty.
    #[track_caller]
    pub fn place_role(&mut self, role: &str, regions: &[impl AsRef<str>]) {
        assert!(!regions.is_empty(), "role `{role}` is placed in no region");
        let regions = regions.iter().map(|region| self.region_index(region.as_ref())).collect();
        self.roles.insert(role.to_string(), regions);
    }

    /// Places and links a new node as its role says.
    pub(crate) fn add(&mut self, node: NodeId, role: &str, index: usize) {
        if let Some(regions) = self.roles.get(role) {
            self.regions.insert(node, regions[index % regions.len()]);
        }
        if let Some(role) = self.linked_roles.iter().position(|known| known == role) {
            self.members.insert(node, role);
        }
    }

    #[track_caller]
    fn region_index(&self, region: &str) -> usize {
        let topology = self.topology.as_ref().expect("a topology is set before nodes are placed");
        let known = || topology.regions().join(", ");
        topology
            .find(region)
            .unwrap_or_else(|| panic!("there is no region `{region}`: there are {}", known()))
    }

    /// The region that `node` was placed in.
    pub fn region(&self, node: impl Into<NodeId>) -> Option<&str> {
        let index = *self.regions.get(&node.into())?;
        Some(&self.topology.as_ref()?.regions()[index])
    }

    /// The delay of a message with these numbers, if all links are alike and none doubles a message, and it is not lost.
    #[inline(always)]
    pub(crate) fn plain_delay(&self, [loss, delay]: [u64; 2]) -> Option<u64> {
        let Link { delay: distribution, loss_probability, duplication_probability } = &self.default_link;
        let is_plain = self.links.is_empty()
            && self.links_by_role.is_empty()
            && self.topology.is_none()
            && !duplication_probability.may_hold()
            && !loss_probability.holds_for(loss);
        if is_plain { Some(distribution.nanoseconds(delay)) } else { None }
    }

    /// What becomes of a message with these numbers; the second block is drawn if it is needed.
    pub(crate) fn fate(
        &self,
        from: NodeId,
        to: NodeId,
        [loss, delay]: [u64; 2],
        second: impl Fn() -> [u64; 2],
    ) -> Fate {
        let own = self.own_link(from, to);
        let Link { loss_probability, duplication_probability, .. } = own.unwrap_or(&self.default_link);
        if loss_probability.holds_for(loss) {
            return Fate::Lost;
        }
        let after = self.delay(from, to, own, delay);
        let mut copy_after = None;
        if duplication_probability.may_hold() {
            let [duplication, copy_delay] = second();
            let is_doubled = duplication_probability.holds_for(duplication);
            copy_after = is_doubled.then(|| self.delay(from, to, own, copy_delay));
        }
        Fate::Arrives { after, copy_after }
    }

    /// By the link of their own, by their regions, or by the default link.
    fn delay(&self, from: NodeId, to: NodeId, own: Option<&Link>, number: u64) -> u64 {
        if let (None, Some(topology)) = (own, &self.topology)
            && let (Some(&from), Some(&to)) = (self.regions.get(&from), self.regions.get(&to))
        {
            return nanoseconds_of(topology.delay(from, to, number));
        }
        own.unwrap_or(&self.default_link).delay.nanoseconds(number)
    }

    /// The link that is set for these nodes or for their roles.
    fn own_link(&self, from: NodeId, to: NodeId) -> Option<&Link> {
        let own = if self.links.is_empty() { None } else { self.links.get(&(from, to)) };
        if own.is_some() || self.links_by_role.is_empty() {
            return own;
        }
        let role = |node| self.members.get(&node).copied();
        self.links_by_role.get(&(role(from)?, role(to)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The fate by numbers of which the second block is zeros.
    fn fate(network: &Network, from: NodeId, to: NodeId, first: [u64; 2]) -> Fate {
        network.fate(from, to, first, || [0, 0])
    }

    fn ends() -> (NodeId, NodeId) {
        (NodeId::new(0), NodeId::new(1))
    }

    #[test]
    fn a_probability_is_exact_at_both_ends() {
        let probability = |p: f64| Probability::try_from(p).expect("in range");
        assert!(!probability(0.0).holds_for(0));
        assert!(probability(1.0).holds_for(u64::MAX));
        assert!(probability(0.5).holds_for(u64::MAX / 2));
        assert!(!probability(0.5).holds_for(u64::MAX / 2 + 1));
        for outside in [-0.1, 1.1, f64::NAN] {
            assert!(Probability::try_from(outside).is_err());
        }
    }

    #[test]
    fn turning_duplication_on_changes_neither_loss_nor_delay() {
        let (from, to) = ends();
        let mut network = Network::default();
        let numbers = [1 << 63, 1 << 63];
        let Fate::Arrives { after, copy_after: None } = fate(&network, from, to, numbers) else { panic!() };
        network.default_link_mut().duplication_probability = Probability::try_from(0.1).expect("in range");
        let copied = Fate::Arrives { after, copy_after: Some(1_000_000) };
        assert_eq!(fate(&network, from, to, numbers), copied);
    }

    #[test]
    fn the_short_way_gives_the_fate_of_the_long_one() {
        let (from, to) = ends();
        let mut network = Network::default();
        network.default_link_mut().loss_probability = Probability::try_from(0.5).expect("in range");
        let random = Random::new(1);
        let mut lost = 0;
        for number in 0..1_000 {
            let first = drawn(&random, 1, number, Block::First);
            let plain = network.plain_delay(first).map(|after| Fate::Arrives { after, copy_after: None });
            assert_eq!(plain.unwrap_or(Fate::Lost), fate(&network, from, to, first));
            lost += usize::from(plain.is_none());
        }
        assert!((400..600).contains(&lost));
        network.set_link(from, to, Link::default());
        assert_eq!(network.plain_delay([u64::MAX; 2]), None, "links differ");
    }

    #[test]
    fn a_link_is_directed() {
        let (from, to) = ends();
        let mut network = Network::default();
        network.set_link(
            from,
            to,
            Link { loss_probability: Probability::try_from(1.0).expect("in range"), ..Link::default() },
        );
        let numbers = [0, 0];
        assert_eq!(fate(&network, from, to, numbers), Fate::Lost);
        assert!(matches!(fate(&network, to, from, numbers), Fate::Arrives { .. }));
    }

    #[test]
    fn links_between_roles_win_over_the_default_and_not_over_a_link_that_is_set() {
        let (from, to) = ends();
        let lossy =
            || Link { loss_probability: Probability::try_from(1.0).expect("in range"), ..Link::default() };
        let numbers = [0, 0];
        let mut network = Network::default();
        network.link_roles("server", "client", lossy());
        network.add(from, "server", 0);
        network.add(to, "client", 0);
        assert_eq!(fate(&network, from, to, numbers), Fate::Lost);
        assert!(matches!(fate(&network, to, from, numbers), Fate::Arrives { .. }));
        assert!(matches!(fate(&network, from, from, numbers), Fate::Arrives { .. }));
        network.set_link(from, to, Link::default());
        assert!(matches!(fate(&network, from, to, numbers), Fate::Arrives { .. }));
    }

    #[test]
    fn an_address_is_read_as_it_is_written() {
        let (from, to) = ends();
        let address = Address { from, to, number: 4 };
        assert_eq!(address.to_string(), "n0>n1#4");
        assert_eq!("n0>n1#4".parse(), Ok(address));
        for text in ["n0>n1", "n0#4", "0>1#4", "n0>n1#x"] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }
}
