//! The spans and events of a test, as a subscriber sees them.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fmt::{self, Debug},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Records all spans and events of its thread. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Recorder(Arc<Mutex<Recorded>>);

#[derive(Debug, Default)]
struct Recorded {
    spans: Vec<RecordedSpan>,
    events: Vec<RecordedEvent>,
    handles: Vec<usize>,
}

type Fields = BTreeMap<&'static str, String>;

#[derive(Clone, Debug)]
pub(crate) struct RecordedSpan {
    /// Its number, from 1.
    pub(crate) id: u64,
    pub(crate) name: &'static str,
    pub(crate) level: tracing::Level,
    pub(crate) parent: Option<u64>,
    /// All of its fields, with or without a value, in the order of the code.
    pub(crate) declared: Vec<&'static str>,
    pub(crate) fields: Fields,
    pub(crate) has_ended: bool,
    began: Instant,
    pub(crate) took: Duration,
}

#[derive(Clone, Debug)]
pub(crate) struct RecordedEvent {
    pub(crate) span: Option<u64>,
    pub(crate) fields: Fields,
}

thread_local! {
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

fn current() -> Option<u64> {
    ENTERED.with_borrow(|entered| entered.last().copied())
}

impl RecordedSpan {
    /// A field's value, or an empty text.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", |value| value)
    }

    /// A field that is a number, or zero.
    pub(crate) fn number(&self, name: &str) -> f64 {
        self.get(name).parse().unwrap_or(0.0)
    }
}

impl RecordedEvent {
    pub(crate) fn message(&self) -> &str {
        self.fields.get("message").map_or("", |message| message)
    }
}

impl Recorder {
    /// Records this thread until the guard is dropped.
    pub(crate) fn start() -> (Self, tracing::subscriber::DefaultGuard) {
        let recorder = Self::default();
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, guard)
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().expect("nobody panics with it")
    }

    /// The spans of this name, in the order in which they began.
    pub(crate) fn spans(&self, name: &str) -> Vec<RecordedSpan> {
        let spans = &self.recorded().spans;
        spans
            .iter()
            .filter(|span| span.name == name)
            .cloned()
            .collect()
    }

    pub(crate) fn updates(&self) -> Vec<RecordedSpan> {
        self.spans("telegram.update")
    }

    pub(crate) fn calls(&self) -> Vec<RecordedSpan> {
        self.spans("telegram.call")
    }

    pub(crate) fn events(&self) -> Vec<RecordedEvent> {
        self.recorded().events.clone()
    }

    /// All of it, to be shown where a test fails.
    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.recorded())
    }
}

struct Collect<'a>(&'a mut Fields);

impl Visit for Collect<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // These tests aren't about the traces of other crates.
        let longest = if metadata.target().starts_with("tower_telegram") {
            tracing::Level::DEBUG
        } else {
            tracing::Level::INFO
        };
        *metadata.level() <= longest
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut recorded = self.recorded();
        let parent = match attributes.parent() {
            Some(parent) => Some(parent.into_u64()),
            None if attributes.is_contextual() => current(),
            None => None,
        };
        let mut fields = Fields::new();
        attributes.record(&mut Collect(&mut fields));
        let id = recorded.spans.len() as u64 + 1;
        recorded.spans.push(RecordedSpan {
            id,
            name: attributes.metadata().name(),
            level: *attributes.metadata().level(),
            parent,
            declared: attributes
                .metadata()
                .fields()
                .iter()
                .map(|field| field.name())
                .collect(),
            fields,
            has_ended: false,
            began: Instant::now(),
            took: Duration::ZERO,
        });
        recorded.handles.push(1);
        span::Id::from_u64(id)
    }

    fn record(&self, id: &span::Id, values: &span::Record<'_>) {
        let mut recorded = self.recorded();
        values.record(&mut Collect(&mut recorded.spans[index(id)].fields));
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::new();
        event.record(&mut Collect(&mut fields));
        let span = current();
        self.recorded().events.push(RecordedEvent { span, fields });
    }

    fn enter(&self, id: &span::Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &span::Id) {
        ENTERED.with_borrow_mut(|entered| {
            let at = entered.iter().rposition(|open| *open == id.into_u64());
            entered.remove(at.expect("it was entered"));
        });
    }

    fn clone_span(&self, id: &span::Id) -> span::Id {
        self.recorded().handles[index(id)] += 1;
        id.clone()
    }

    fn try_close(&self, id: span::Id) -> bool {
        let mut recorded = self.recorded();
        let at = index(&id);
        recorded.handles[at] -= 1;
        let has_ended = recorded.handles[at] == 0;
        let span = &mut recorded.spans[at];
        (span.has_ended, span.took) = (has_ended, span.began.elapsed());
        has_ended
    }
}

fn index(id: &span::Id) -> usize {
    usize::try_from(id.into_u64()).expect("there are fewer") - 1
}

impl fmt::Display for RecordedSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.name, self.fields)
    }
}
