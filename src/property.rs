//! Properties: named conditions on the state of a world, and when they must hold.

use crate::world::World;

type Condition<'a, M> = Box<dyn Fn(&World<M>) -> bool + Send + Sync + 'a>;

/// When a property must hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum When {
    /// After every event.
    Always,
    /// At some moment after everything has healed; in a sweep, together with all other such properties.
    EventuallyAfterHeal,
    /// At some moment in some run: so that a sweep is seen to get to where it matters.
    Reachable,
}

/// A named condition on the state of a world.
pub struct Property<'a, M> {
    /// A sentence: "at most one value is chosen".
    pub name: String,
    /// When it must hold.
    pub when: When,
    /// The path of its function; of a closure, a name that ends with `{{closure}}`.
    pub(crate) condition: &'static str,
    holds: Condition<'a, M>,
}

impl<'a, M> Property<'a, M> {
    /// A property called `name`, with its condition.
    pub fn new(when: When, name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        let condition = std::any::type_name_of_val(&holds);
        Property { name: name.to_string(), when, condition, holds: Box::new(holds) }
    }

    /// Must hold after every event.
    pub fn always(name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        Property::new(When::Always, name, holds)
    }

    /// Must hold at some moment after everything has healed.
    pub fn eventually_after_heal(name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        Property::new(When::EventuallyAfterHeal, name, holds)
    }

    /// Must hold at some moment in some run.
    pub fn reachable(name: &str, holds: impl Fn(&World<M>) -> bool + Send + Sync + 'a) -> Self {
        Property::new(When::Reachable, name, holds)
    }

    /// Whether it holds now.
    pub fn holds(&self, world: &World<M>) -> bool {
        (self.holds)(world)
    }
}
