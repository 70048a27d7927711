//! Panics inside handlers and properties, caught and turned into findings with their location.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

thread_local! {
    static CATCHING: Cell<bool> = const { Cell::new(false) };
    static CAUGHT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Whether a panic on this thread is about to be caught and reported.
pub(crate) fn is_catching() -> bool {
    CATCHING.get()
}

/// Runs `body`. If it panics, nothing is printed and the error is the message with its location.
pub(crate) fn caught<R>(body: impl FnOnce() -> R) -> Result<R, String> {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CATCHING.get() {
                return previous(info);
            }
            let text = info.payload_as_str().unwrap_or("a panic without a message");
            let place = info.location().map(|at| format!(" at {}:{}:{}", at.file(), at.line(), at.column()));
            CAUGHT.set(format!("{text}{}", place.unwrap_or_default()));
        }));
    });
    let outer = CATCHING.replace(true);
    // Whatever the body left half-changed is dropped by the caller or belongs to a run that ends here.
    let result = panic::catch_unwind(AssertUnwindSafe(body));
    CATCHING.set(outer);
    result.map_err(|_| CAUGHT.take())
}
