//! Stories of the client driver: loops, retries, outcomes, redirects, and what it asks for.

mod common {
    //! A server that does as it is told, so that each story is about the client.
    use netsplit::client::{KeyValueOperation, Protocol, Reply, RequestId};
    use netsplit::prelude::*;
    use netsplit::process::Outcome;
    use netsplit::record::{Observer, Record, What};
    use std::time::Duration;

    #[derive(Clone, Debug, Hash, PartialEq)]
    pub enum Message {
        Request(RequestId, KeyValueOperation),
        Done(RequestId),
        Refused(RequestId),
        Elsewhere(RequestId, NodeId),
    }

    #[derive(Clone, Copy, Debug, Hash)]
    pub enum Manner {
        /// Answers each request after a span.
        Answers(Duration),
        /// Refuses every request.
        Refuses,
        /// Says that another server should be asked.
        PointsTo(NodeId),
    }

    #[derive(Clone, Debug, Hash)]
    pub struct Server {
        pub manner: Manner,
        pub requests: Vec<(RequestId, KeyValueOperation)>,
    }

    impl Server {
        pub fn who(manner: Manner) -> Self {
            Server { manner, requests: Vec::new() }
        }
    }

    impl Process for Server {
        type Message = Message;
        type Timer = (NodeId, u64, usize);

        fn on_message(&mut self, from: NodeId, message: Message, ctx: &mut Context<Self>) {
            let Message::Request(id, operation) = message else { return };
            self.requests.push((id, operation));
            match self.manner {
                Manner::Answers(after) => ctx.set_timer((from, id.operation, self.requests.len()), after),
                Manner::Refuses => ctx.send(from, Message::Refused(id)),
                Manner::PointsTo(server) => ctx.send(from, Message::Elsewhere(id, server)),
            }
        }

        fn on_timer(&mut self, (client, operation, _): (NodeId, u64, usize), ctx: &mut Context<Self>) {
            ctx.send(client, Message::Done(RequestId { client, operation }));
        }
    }

    #[derive(Clone, Debug, Hash)]
    pub struct Store;

    impl Protocol for Store {
        type Message = Message;
        type Operation = KeyValueOperation;
        type Response = ();

        fn request(&self, id: RequestId, operation: &KeyValueOperation) -> Message {
            Message::Request(id, *operation)
        }

        fn reply(message: &Message) -> Option<(RequestId, Reply<()>)> {
            match *message {
                Message::Done(id) => Some((id, Reply::Done(()))),
                Message::Refused(id) => Some((id, Reply::Rejected(()))),
                Message::Elsewhere(id, server) => Some((id, Reply::Redirect(server))),
                Message::Request(..) => None,
            }
        }
    }

    /// What was recorded of operations, in milliseconds.
    #[derive(Debug, Default)]
    pub struct Records {
        pub invoked: Vec<(u64, u64)>,
        pub responded: Vec<(u64, u64, Outcome)>,
    }

    impl Observer<Message> for Records {
        fn observe(&mut self, record: Record<'_, Message>) {
            let at = record.time.as_nanoseconds() / 1_000_000;
            match record.what {
                What::Invoked { operation, .. } => self.invoked.push((at, operation)),
                What::Responded { operation, outcome, .. } => self.responded.push((at, operation, outcome)),
                _ => {}
            }
        }
    }
}

use common::{Manner, Message, Records, Server, Store};
use netsplit::client::{
    Arrivals, Backoff, Client, ClientOptions, KeyValueOperation, KeyValueOptions, KeyValueWorkload, Keys,
    RequestId,
};
use netsplit::distribution::{Decimal, Distribution, constant, exponential};
use netsplit::metrics::{Metrics, Operation};
use netsplit::node::Handle;
use netsplit::prelude::*;
use netsplit::process::Outcome;
use netsplit::simulation::Observed;
use std::collections::BTreeMap;

type User = Client<Store, KeyValueWorkload>;

struct Stage {
    sim: Simulation<Message>,
    servers: Vec<Handle<Server>>,
    client: Handle<User>,
    records: Observed<Records>,
    metrics: Observed<Metrics>,
}

/// Servers n0, n1, ... and one client, a millisecond from each other.
fn stage(manners: &[Manner], workload: KeyValueOptions, options: ClientOptions) -> Stage {
    let mut sim = Simulation::new(1);
    sim.network_mut().default_link_mut().delay = constant(milliseconds(1));
    let servers: Vec<_> = manners.iter().map(|&manner| sim.add("server", Server::who(manner))).collect();
    let ids: Vec<NodeId> = servers.iter().map(|server| server.id()).collect();
    let workload = KeyValueWorkload::new(&workload);
    let clients = sim.add_clients("client", 1, |_, _| {
        Client::with_workload(Store, workload.clone(), ids.clone(), options.clone())
    });
    let records = sim.observe(Records::default());
    let metrics = sim.observe(Metrics::default());
    Stage { sim, servers, client: clients[0], records, metrics }
}

fn closed(operations: u64) -> ClientOptions {
    ClientOptions {
        arrivals: Arrivals::Closed(constant(milliseconds(10))),
        timeout: milliseconds(100),
        operations,
        ..ClientOptions::default()
    }
}

fn open(interval: Distribution, operations: u64) -> ClientOptions {
    ClientOptions { arrivals: Arrivals::Open(interval), timeout: seconds(100), ..closed(operations) }
}

impl Stage {
    fn records(&self) -> &Records {
        self.sim.observer(self.records)
    }
    fn operations(&self) -> &[Operation] {
        self.sim.observer(self.metrics).operations()
    }
    fn requests(&self, server: usize) -> &[(RequestId, KeyValueOperation)] {
        &self.sim[self.servers[server]].requests
    }
}

const PROMPT: Manner = Manner::Answers(milliseconds(3));

#[test]
fn a_closed_loop_thinks_asks_and_waits() {
    let mut stage = stage(&[PROMPT], KeyValueOptions::default(), closed(3));
    stage.sim.run();
    assert_eq!(stage.records().invoked, [(10, 1), (25, 2), (40, 3)]);
    let ok = Outcome::Ok;
    assert_eq!(stage.records().responded, [(15, 1, ok), (30, 2, ok), (45, 3, ok)]);
}

#[test]
fn an_open_loop_keeps_its_rate_when_the_server_is_slow() {
    let options = open(constant(milliseconds(5)), 100);
    let mut stage = stage(&[Manner::Answers(seconds(2))], KeyValueOptions::default(), options);
    stage.sim.run_for(milliseconds(501));
    assert_eq!(stage.sim[stage.client].open(), 100, "each is an operation of its own");
    stage.sim.run();
    let expected: Vec<_> = (1..=100).map(|n| (5 * n, n)).collect();
    assert_eq!(stage.records().invoked, expected);
    assert_eq!(stage.records().responded.len(), 100);
    assert!(stage.operations().iter().all(|operation| operation.latency() == Some(milliseconds(2002))));
}

#[test]
fn poisson_arrivals_come_at_their_rate_whatever_the_server_does() {
    let arrivals = |manner| {
        let options = open(exponential(milliseconds(10)), 2000);
        let mut stage = stage(&[manner], KeyValueOptions::default(), options);
        stage.sim.run();
        stage.records().invoked.clone()
    };
    let prompt = arrivals(PROMPT);
    assert_eq!(prompt, arrivals(Manner::Answers(seconds(5))), "the same numbers");
    // 2000 arrivals take 20 s with a standard deviation of 10 ms sqrt(2000) = 0.45 s.
    assert!((18_500..21_500).contains(&prompt[1999].0), "{:?}", prompt[1999]);
}

#[test]
fn a_bursty_client_is_silent_while_it_is_off() {
    let (interval, on, off) = (milliseconds(10), milliseconds(25), milliseconds(100));
    let arrivals = Arrivals::Bursty { interval: interval.into(), on: on.into(), off: off.into() };
    let mut stage = stage(&[PROMPT], KeyValueOptions::default(), ClientOptions { arrivals, ..closed(6) });
    stage.sim.run();
    // 10 and 20 of the time it is on, then 30 and so on: an off period of 100 comes after every 25.
    let times: Vec<u64> = stage.records().invoked.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [10, 20, 130, 140, 150, 260]);
}

#[test]
fn an_operation_that_is_tried_again_is_one_operation() {
    let options = ClientOptions { attempts: 3, ..closed(1) };
    // The first request is lost, the second is answered, later than the third attempt is made.
    let mut stage = stage(&[Manner::Answers(milliseconds(150))], KeyValueOptions::default(), options);
    let server = stage.servers[0];
    stage.sim.partition(stage.client, server);
    stage.sim.run_for(milliseconds(50));
    stage.sim.heal();
    stage.sim.run();
    assert_eq!(stage.requests(0).len(), 2, "the second and third attempt arrived");
    assert_eq!(stage.requests(0)[0], stage.requests(0)[1], "the server can tell that they are the same");
    assert_eq!(stage.records().invoked, [(10, 1)]);
    assert_eq!(stage.records().responded, [(262, 1, Outcome::Ok)], "the second reply is no second response");
}

#[test]
fn back_off_doubles_up_to_its_maximum_and_jitter_shortens_it() {
    let attempts_at = |jitter: f64| {
        let backoff = Backoff {
            initial: milliseconds(100),
            maximum: milliseconds(300),
            jitter: Decimal::try_from(jitter).expect("one decimal"),
        };
        let options = ClientOptions { attempts: 5, backoff, ..closed(1) };
        let mut stage = stage(&[Manner::Answers(seconds(100))], KeyValueOptions::default(), options);
        stage.sim.run();
        stage.records().responded[0]
    };
    // Five time-outs of 100 ms, and 100 + 200 + 300 + 300 ms between them.
    assert_eq!(attempts_at(0.0), (10 + 500 + 900, 1, Outcome::Unknown));
    let (half, full) = (attempts_at(0.5).0, attempts_at(1.0).0);
    assert!((10 + 500 + 450..10 + 500 + 900).contains(&half), "{half}");
    assert!((10 + 500..half).contains(&full), "{full}: the same numbers, and more of each is random");
}

#[test]
fn a_refused_operation_has_failed() {
    let mut stage = stage(&[Manner::Refuses], KeyValueOptions::default(), closed(2));
    stage.sim.run();
    let failed = Outcome::Failed;
    assert_eq!(stage.records().responded, [(12, 1, failed), (24, 2, failed)]);
}

#[test]
fn a_late_response_is_recorded_and_changes_no_outcome() {
    let mut stage = stage(&[Manner::Answers(milliseconds(160))], KeyValueOptions::default(), closed(2));
    stage.sim.run();
    let (ok, unknown) = (Outcome::Ok, Outcome::Unknown);
    let expected = [(110, 1, unknown), (172, 1, ok), (220, 2, unknown), (282, 2, ok)];
    assert_eq!(stage.records().responded, expected);
    let outcome = |operation: &Operation| operation.responded.map(|(_, outcome)| outcome);
    assert!(stage.operations().iter().all(|operation| outcome(operation) == Some(unknown)));
}

#[test]
fn after_a_redirect_the_other_server_is_asked_from_then_on() {
    let leader = NodeId::new(1);
    let mut stage = stage(&[Manner::PointsTo(leader), PROMPT], KeyValueOptions::default(), closed(3));
    stage.sim.run();
    assert_eq!((stage.requests(0).len(), stage.requests(1).len()), (1, 3));
    assert_eq!(stage.records().responded[0], (10 + 2 + 5, 1, Outcome::Ok));
}

#[test]
fn servers_that_point_at_each_other_do_not_make_the_client_spin() {
    let manners = [Manner::PointsTo(NodeId::new(1)), Manner::PointsTo(NodeId::new(0))];
    let mut stage = stage(&manners, KeyValueOptions::default(), closed(1));
    stage.sim.run();
    assert_eq!(stage.requests(0).len() + stage.requests(1).len(), 3);
    assert_eq!(stage.records().responded.len(), 1);
    assert_eq!(stage.records().responded[0].2, Outcome::Unknown);
}

#[test]
fn a_client_goes_to_the_next_server_when_one_is_silent() {
    let options = ClientOptions { attempts: 2, ..closed(2) };
    let mut stage = stage(&[Manner::Answers(seconds(9)), PROMPT], KeyValueOptions::default(), options);
    stage.sim.run();
    assert_eq!((stage.requests(0).len(), stage.requests(1).len()), (1, 2));
    let ok = Outcome::Ok;
    // The answer of the silent server comes when all is over, and says nothing new.
    assert_eq!(stage.records().responded, [(115, 1, ok), (130, 2, ok)]);
}

#[test]
fn zipf_keys_are_asked_for_as_often_as_the_formula_says() {
    let (count, exponent, operations) = (20, 0.99, 20_000);
    let keys = Keys::Zipf { count, exponent: Decimal::try_from(exponent).expect("two decimals") };
    let read_share = Decimal::try_from(0.7).expect("one decimal");
    let workload = KeyValueOptions { read_share, keys };
    let mut stage = stage(&[PROMPT], workload, open(constant(milliseconds(1)), operations));
    stage.sim.run();
    let mut seen: BTreeMap<u64, f64> = BTreeMap::new();
    let (mut reads, mut values) = (0, Vec::new());
    for (id, operation) in stage.requests(0) {
        let key = match *operation {
            KeyValueOperation::Read { key } => {
                reads += 1;
                key
            }
            KeyValueOperation::Write { key, value } => {
                assert_eq!(value, *id);
                values.push(value);
                key
            }
        };
        *seen.entry(key).or_default() += 1.0;
    }
    let share = |key: u64| libm::pow((key + 1) as f64, -exponent);
    let total: f64 = (0..count).map(share).sum();
    // Chi-square with 19 degrees of freedom: the 99.9 % quantile is 43.8.
    let chi = |tilt: f64| -> f64 {
        let expected = |key| share(key) / total * operations as f64 * if key == 0 { tilt } else { 1.0 };
        (0..count).map(|key| (seen[&key] - expected(key)).powi(2) / expected(key)).sum()
    };
    assert!(chi(1.0) < 43.8, "{}", chi(1.0));
    assert!(chi(1.15) > 43.8, "the test can fail");
    // Three standard deviations of 14,000 reads are 194.
    assert!((13_800..14_200).contains(&reads), "{reads}");
    let writes = values.len();
    values.sort_unstable();
    values.dedup();
    assert_eq!(values.len(), writes, "no two writes write the same");
}

#[test]
fn what_an_operation_asks_for_does_not_depend_on_what_became_of_the_others() {
    let asked = |manner, attempts| {
        let options = ClientOptions { attempts, ..closed(10) };
        let mut stage = stage(&[manner], KeyValueOptions::default(), options);
        stage.sim.run();
        let mut requests = stage.requests(0).to_vec();
        requests.dedup();
        requests
    };
    assert_eq!(asked(PROMPT, 1), asked(Manner::Answers(milliseconds(150)), 3));
}

#[test]
#[should_panic(expected = "a client cannot work like this: attempts is 0")]
fn a_client_that_never_tries_is_refused() {
    stage(&[PROMPT], KeyValueOptions::default(), ClientOptions { attempts: 0, ..closed(1) });
}

#[test]
fn options_are_data_with_units() {
    let text = "
        timeout = '50ms'
        attempts = 3
        operations = 100
        arrivals = { bursty = { interval = { exponential = '1ms' }, on = '100ms', off = '1s' } }
        backoff = { initial = '10ms', jitter = 0.5 }
    ";
    let options: ClientOptions = toml::from_str(text).expect("options");
    let (interval, on, off) = (exponential(milliseconds(1)), milliseconds(100).into(), seconds(1).into());
    assert_eq!(options.arrivals, Arrivals::Bursty { interval, on, off });
    assert_eq!((options.timeout, options.backoff.maximum), (milliseconds(50), seconds(1)));
    assert_eq!(toml::from_str(&toml::to_string(&options).expect("they are data")), Ok(options));
    let text = "read_share = 0.95\nkeys = { zipf = { count = 100, exponent = 0.99 } }";
    let options: KeyValueOptions = toml::from_str(text).expect("options");
    let exponent = Decimal::try_from(0.99).expect("two decimals");
    assert_eq!(options.keys, Keys::Zipf { count: 100, exponent });
    assert_eq!(toml::from_str(&toml::to_string(&options).expect("they are data")), Ok(options));
    for (bad, expected) in [
        (ClientOptions { timeout: seconds(0), ..closed(1) }, "timeout is zero"),
        (open(constant(seconds(0)), 1), "open is zero"),
    ] {
        assert!(bad.validate().is_err_and(|error| error.contains(expected)));
    }
}
