//! The events of each update, and the violations among them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fmt,
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::time::Instant;
use tower_telegram::webhook::delivery::ClaimToken;

use super::telegram::{QueueId, Told, Update};

/// Which replica, and which of its lives.
pub(crate) type ReplicaId = u64;

/// The fault that struck a claim, so that its update may have to be handled again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// The replica was killed, or cut off when it was restarted.
    Killed,
    Stalled,
    /// The store failed to renew it, or to record its end.
    Store,
    /// It ran out on a machine that was too busy. Where time is only counted, that can't be.
    Lapsed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Done,
    Failed,
    Released,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a note of its own.
struct Grant {
    ticket: ClaimToken,
    replica: ReplicaId,
    /// No other replica may have it before.
    held_until: Option<Instant>,
    fault: Option<Fault>,
    end: Option<End>,
    /// The store was asked to end it, and may have done so.
    may_have_ended: bool,
    /// Whether its replica knows of it.
    is_known: bool,
    calls: u32,
    has_effect: bool,
    is_abandoned: bool,
}

#[derive(Debug, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a note of its own.
struct Page {
    grants: Vec<Grant>,
    /// Claims of which only the store knows whether they were granted.
    unknown_claims: u32,
    is_done: bool,
    effects: u32,
    letters: u32,
    replies_made: u32,
    /// Telegram carries out each that it sees, because it drops the update in the same step.
    replies_seen: u32,
    /// Befallen by more than hang-ups and lost answers, so that its reply may not have come.
    is_muddled: bool,
    is_dropped: bool,
}

impl Page {
    fn last_of(&mut self, replica: ReplicaId) -> Option<&mut Grant> {
        let mut grants = self.grants.iter_mut().rev();
        grants.find(|grant| grant.replica == replica)
    }

    fn of(&mut self, ticket: &ClaimToken) -> Option<&mut Grant> {
        let mut grants = self.grants.iter_mut().rev();
        grants.find(|grant| grant.ticket.fencing_token == ticket.fencing_token)
    }

    fn is_struck(&self) -> bool {
        self.is_dropped || self.grants.iter().any(|grant| grant.fault.is_some())
    }
}

#[derive(Debug, Default)]
struct Notes {
    pages: HashMap<i64, Page>,
    /// The claims that each replica has open.
    open: BTreeMap<ReplicaId, BTreeSet<i64>>,
    /// The chats in which each has a handler at work.
    busy_chats: BTreeSet<(ReplicaId, i64)>,
    /// Replicas that shut down, and cut off handlers that don't end.
    retiring: BTreeSet<ReplicaId>,
    /// The last of each queue whose handler was called.
    latest: HashMap<QueueId, i64>,
    violations: Vec<String>,
    calls: u64,
    digest: u64,
}

#[derive(Debug)]
pub(crate) struct Book {
    pages: Mutex<Notes>,
    /// Without a layer for it there are no claims.
    has_claims: bool,
    is_exact: bool,
}

impl Book {
    pub(crate) fn new(has_claims: bool, is_exact: bool) -> Self {
        Self {
            pages: Mutex::default(),
            has_claims,
            is_exact,
        }
    }

    fn pages(&self) -> MutexGuard<'_, Notes> {
        self.pages.lock().expect("nobody panics with it")
    }

    fn open<T>(&self, id: i64, write: impl FnOnce(&mut Notes, &mut Page) -> T) -> T {
        let mut pages = self.pages();
        let mut page = pages.pages.remove(&id).unwrap_or_default();
        let written = write(&mut pages, &mut page);
        pages.pages.insert(id, page);
        written
    }

    // The store's answers.

    /// Before the store is asked: from here on a claim may be granted unknown to all.
    pub(crate) fn claiming(&self, id: i64) {
        self.open(id, |_, page| page.unknown_claims += 1);
    }

    pub(crate) fn not_granted(&self, id: i64) {
        self.open(id, |_, page| page.unknown_claims -= 1);
    }

    pub(crate) fn granted(
        &self,
        replica: ReplicaId,
        ticket: ClaimToken,
        held_until: Option<Instant>,
        fault: Option<Fault>,
    ) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| {
            page.unknown_claims -= 1;
            if page.is_done {
                pages.violation(format!("{id} was granted after it was done: {page:?}"));
            }
            if let Some(last) = page.grants.last() {
                let has_lapsed = last.held_until.is_some_and(|until| until <= Instant::now());
                let is_open = last.end.is_none() && !last.may_have_ended;
                if is_open && !has_lapsed {
                    pages.violation(format!("{id} was granted while it was held: {page:?}"));
                } else if is_open && last.fault.is_none() && self.is_exact {
                    pages.violation(format!("{id}: a claim ran out by itself: {page:?}"));
                }
                if last.ticket.fencing_token >= ticket.fencing_token {
                    pages.violation(format!("{id}: a fence came again: {page:?}"));
                }
            }
            if let Some(last) = page.grants.last_mut()
                && last.end.is_none()
                && !self.is_exact
            {
                last.fault.get_or_insert(Fault::Lapsed);
            }
            let counted = page.grants.iter();
            let certain = counted.filter(|grant| grant.end != Some(End::Released));
            let most = u32::try_from(certain.count()).unwrap_or(u32::MAX) + 1;
            let unsure = page.grants.iter();
            let unsure = unsure.filter(|grant| grant.end.is_none() && grant.may_have_ended);
            let least = most - u32::try_from(unsure.count()).unwrap_or(0);
            if ticket.attempt < least || ticket.attempt > most + page.unknown_claims {
                pages.violation(format!("{id}: attempt {} is no. {most}", ticket.attempt));
            }
            page.grants.push(Grant {
                ticket,
                replica,
                held_until,
                fault,
                end: None,
                may_have_ended: false,
                is_known: false,
                calls: 0,
                has_effect: false,
                is_abandoned: false,
            });
            pages.open.entry(replica).or_default().insert(id);
            pages.mix(&[1, id.cast_unsigned(), replica]);
        });
    }

    /// The answer reached the replica.
    pub(crate) fn is_known(&self, ticket: &ClaimToken) {
        self.open(ticket.key.update_id, |_, page| {
            if let Some(grant) = page.of(ticket) {
                grant.is_known = true;
            }
        });
    }

    pub(crate) fn renewed(&self, ticket: &ClaimToken, held_until: Option<Instant>) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| {
            let last = page.grants.last_mut();
            match last.filter(|last| last.ticket.fencing_token == ticket.fencing_token) {
                Some(grant) => grant.held_until = held_until.max(grant.held_until),
                None => pages.violation(format!("{id}: a claim was renewed that is another's")),
            }
        });
    }

    /// The store is asked to end it, and from here on may have.
    pub(crate) fn ending(&self, ticket: &ClaimToken) {
        self.open(ticket.key.update_id, |_, page| {
            if let Some(grant) = page.of(ticket) {
                grant.may_have_ended = true;
            }
        });
    }

    pub(crate) fn not_ended(&self, ticket: &ClaimToken) {
        self.open(ticket.key.update_id, |_, page| {
            if let Some(grant) = page.of(ticket) {
                grant.may_have_ended = false;
            }
        });
    }

    /// Whether a store's call may be made of a claim at all.
    pub(crate) fn asks_to_finish(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| match page.of(ticket) {
            Some(grant) if grant.has_effect || grant.is_abandoned => {}
            _ => pages.violation(format!("{id} is said to be done, and isn't: {page:?}")),
        });
    }

    pub(crate) fn asks_to_fail(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| match page.of(ticket) {
            Some(grant) if !grant.has_effect => {}
            _ => pages.violation(format!("{id} is said to have failed, and hasn't: {page:?}")),
        });
    }

    pub(crate) fn asks_to_release(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| match page.of(ticket) {
            Some(grant) if grant.calls == 0 => {}
            // Cut off as its replica was restarted.
            Some(grant) if pages.retiring.contains(&grant.replica) => {
                grant.fault.get_or_insert(Fault::Killed);
            }
            _ => pages.violation(format!("{id} was tried, and is said not to be: {page:?}")),
        });
    }

    /// The replica shuts down.
    pub(crate) fn retires(&self, replica: ReplicaId) {
        self.pages().retiring.insert(replica);
    }

    pub(crate) fn finished(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| {
            if page.is_done {
                pages.violation(format!("{id} was noted as done twice: {page:?}"));
            }
            page.is_done = true;
            pages.end(page, ticket, End::Done);
        });
    }

    pub(crate) fn failed(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| pages.end(page, ticket, End::Failed));
    }

    pub(crate) fn released(&self, ticket: &ClaimToken) {
        let id = ticket.key.update_id;
        self.open(id, |pages, page| pages.end(page, ticket, End::Released));
    }

    /// The store failed over this claim.
    pub(crate) fn store_failed(&self, ticket: &ClaimToken) {
        self.open(ticket.key.update_id, |_, page| {
            page.is_muddled = true;
            if let Some(grant) = page.of(ticket) {
                grant.fault.get_or_insert(Fault::Store);
            }
        });
    }

    // The replicas' faults.

    pub(crate) fn struck(&self, replica: ReplicaId, fault: Fault) {
        let mut pages = self.pages();
        let open = pages.open.get(&replica).cloned().unwrap_or_default();
        for id in open {
            let page = pages.pages.entry(id).or_default();
            page.is_muddled = true;
            let open = page.grants.iter_mut();
            for grant in open.filter(|grant| grant.replica == replica && grant.end.is_none()) {
                grant.fault.get_or_insert(fault);
            }
        }
        if fault == Fault::Killed {
            pages.open.remove(&replica);
            pages.busy_chats.retain(|(of, _)| *of != replica);
        }
        pages.mix(&[2, replica, fault as u64]);
    }

    // The handlers' events.

    /// A handler is called. How many failures this update has had, for the handler to decide.
    pub(crate) fn called(&self, replica: ReplicaId, update: &Update) -> u64 {
        let id = update.id;
        self.open(id, |pages, page| {
            pages.calls += 1;
            pages.mix(&[3, id.cast_unsigned(), replica]);
            if !self.has_claims {
                page.unknown_claims += 1;
                return u64::from(page.unknown_claims);
            }
            if !pages.busy_chats.insert((replica, update.chat)) {
                pages.violation(format!("{id}: its chat has two handlers at once"));
            }
            pages.in_order(page, update, "was called");
            let latest = pages.latest.entry(update.queue).or_insert(id);
            *latest = id.max(*latest);
            match page.last_of(replica) {
                Some(grant) if grant.is_known && grant.calls == 0 && grant.end.is_none() => {
                    grant.calls += 1;
                    return u64::from(grant.ticket.attempt);
                }
                _ => pages.violation(format!("{id} was handled without a claim: {page:?}")),
            }
            0
        })
    }

    pub(crate) fn returned(&self, replica: ReplicaId, update: &Update) {
        let mut pages = self.pages();
        pages.busy_chats.remove(&(replica, update.chat));
    }

    /// It did what it is there for.
    pub(crate) fn took_effect(&self, replica: ReplicaId, update: &Update, has_reply: bool) {
        let id = update.id;
        self.open(id, |pages, page| {
            page.effects += 1;
            page.replies_made += u32::from(has_reply);
            pages.mix(&[4, id.cast_unsigned(), replica]);
            if self.has_claims {
                pages.in_order(page, update, "took effect");
            }
            if let Some(grant) = page.last_of(replica) {
                grant.has_effect = true;
            }
        });
    }

    pub(crate) fn abandoned(&self, replica: ReplicaId, id: i64, max_attempts: u32) {
        self.open(id, |pages, page| {
            page.letters += 1;
            match page.last_of(replica) {
                Some(grant) if grant.ticket.attempt >= max_attempts && !grant.has_effect => {
                    grant.is_abandoned = true;
                }
                _ => pages.violation(format!("{id} was abandoned too early: {page:?}")),
            }
        });
    }

    // Telegram's side.

    pub(crate) fn muddled(&self, id: i64) {
        self.open(id, |_, page| page.is_muddled = true);
    }

    /// The bot gave this answer.
    pub(crate) fn answered(&self, id: i64, is_success: bool) {
        self.open(id, |pages, page| {
            if is_success && page.effects == 0 && page.letters == 0 {
                pages.violation(format!(
                    "{id} was acked, and nobody had handled it: {page:?}"
                ));
            }
        });
    }

    pub(crate) fn saw(&self, id: i64, has_reply: bool) {
        self.open(id, |_, page| page.replies_seen += u32::from(has_reply));
    }

    pub(crate) fn dropped(&self, id: i64) {
        self.open(id, |_, page| page.is_dropped = true);
    }

    /// All in all.
    pub(crate) fn sum(&self, told: Told) -> Sum {
        let mut pages = self.pages();
        let mut sum = Sum {
            calls: pages.calls,
            digest: pages.digest,
            told,
            ..Sum::default()
        };
        let written = std::mem::take(&mut pages.pages);
        for (id, page) in &written {
            sum.add(page);
            pages.check(*id, page, self);
        }
        sum.violations = std::mem::take(&mut pages.violations);
        sum
    }
}

impl Notes {
    fn violation(&mut self, what: String) {
        self.violations.push(what);
    }

    fn mix(&mut self, parts: &[u64]) {
        for part in parts {
            self.digest = (self.digest ^ part)
                .wrapping_mul(0x100_0000_01b3)
                .rotate_left(7);
        }
    }

    fn end(&mut self, page: &mut Page, ticket: &ClaimToken, end: End) {
        let id = ticket.key.update_id;
        if page
            .grants
            .last()
            .is_none_or(|last| last.ticket.fencing_token != ticket.fencing_token)
        {
            self.violation(format!(
                "{id}: a claim was ended that is another's: {page:?}"
            ));
        }
        if let Some(grant) = page.of(ticket) {
            grant.end = Some(end);
            let replica = grant.replica;
            if let Some(open) = self.open.get_mut(&replica) {
                open.remove(&id);
            }
        }
    }

    /// No update of a queue is handled after those behind it.
    fn in_order(&mut self, page: &Page, update: &Update, what: &str) {
        let latest = self.latest.get(&update.queue).copied().unwrap_or(0);
        if latest > update.id && !page.is_struck() {
            self.violation(format!("{} {what} after {latest}: {page:?}", update.id));
        }
    }

    /// The violations that can be seen only at the end.
    fn check(&mut self, id: i64, page: &Page, book: &Book) {
        if page.replies_seen > page.replies_made.min(1) {
            self.violation(format!("{id}: a reply was carried out twice: {page:?}"));
        }
        if !book.has_claims {
            return;
        }
        // In real time the order of calls on the way to a store is unknown.
        let fine = book.is_exact && !page.is_muddled && !page.is_struck() && page.effects == 1;
        if fine && page.replies_seen != page.replies_made {
            self.violation(format!("{id}: its reply never reached Telegram: {page:?}"));
        }
        for grant in page.unexplained() {
            self.violation(format!(
                "{id} took effect again for no reason: {grant:?} {page:?}"
            ));
        }
    }
}

impl Page {
    /// The superfluous effects: those that weren't recorded, if there was another or the update was abandoned.
    fn too_many(&self) -> impl Iterator<Item = &Grant> {
        let ended = self.grants.iter().any(|grant| grant.end == Some(End::Done));
        let last = self.grants.iter().rposition(|grant| grant.has_effect);
        let unnoted = self.grants.iter().enumerate().filter(move |(at, grant)| {
            let is_the_one = if ended {
                grant.end == Some(End::Done)
            } else {
                Some(*at) == last
            };
            grant.has_effect && !is_the_one
        });
        unnoted.map(|(_, grant)| grant)
    }

    fn unexplained(&self) -> impl Iterator<Item = &Grant> {
        self.too_many().filter(|grant| grant.fault.is_none())
    }
}

/// The results of a run.
#[derive(Debug, Default)]
pub(crate) struct Sum {
    pub(crate) violations: Vec<String>,
    told: Told,
    calls: u64,
    digest: u64,
    handled: u64,
    abandoned: u64,
    abandoned_twice: u64,
    /// Repeated effects, by the fault that struck the claim of the earlier one.
    repeated: BTreeMap<Option<Fault>, u64>,
    extra_effects: u64,
    replies_made: u64,
    replies_seen: u64,
}

impl Sum {
    fn add(&mut self, page: &Page) {
        self.handled += u64::from(page.effects > 0);
        self.abandoned += u64::from(page.letters > 0);
        self.abandoned_twice += u64::from(page.letters.saturating_sub(1));
        self.replies_made += u64::from(page.replies_made.min(1));
        self.replies_seen += u64::from(page.replies_seen);
        self.extra_effects += u64::from(page.effects.saturating_sub(1));
        for grant in page.too_many() {
            *self.repeated.entry(grant.fault).or_default() += 1;
        }
    }

    /// How many updates Telegram is done with.
    pub(crate) fn ended(&self) -> u64 {
        self.told.acked + self.told.expired
    }

    /// How many effects were repeated.
    pub(crate) fn repeated(&self) -> u64 {
        self.extra_effects
    }

    pub(crate) fn digest(&self) -> u64 {
        self.digest
    }

    /// Whether each kind of trouble came up.
    pub(crate) fn has_seen_all(&self) -> bool {
        let faults = [Fault::Killed, Fault::Stalled, Fault::Store];
        let told = &self.told;
        faults
            .iter()
            .all(|fault| self.repeated.contains_key(&Some(*fault)))
            && self.abandoned > 0
            && [told.late, told.broken, told.refused]
                .iter()
                .all(|n| *n > 0)
    }
}

impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  Telegram: {}", self.told)?;
        writeln!(
            f,
            "  the bot: {} calls, {} updates took effect, {} abandoned ({} of them again)",
            self.calls, self.handled, self.abandoned, self.abandoned_twice
        )?;
        write!(f, "  effects that came again: {}", self.extra_effects)?;
        for (fault, count) in &self.repeated {
            match fault {
                Some(fault) => write!(f, ", {count} {fault:?}")?,
                None => write!(f, ", {count} for no reason")?,
            }
        }
        write!(
            f,
            "\n  replies: {} made, {} carried out",
            self.replies_made, self.replies_seen
        )?;
        write!(f, "\n  digest: {:016x}", self.digest)
    }
}

/// A claim that isn't renewed is held so long.
pub(crate) fn lease(renew_every: Option<Duration>) -> Option<Duration> {
    renew_every.map(|every| every * 3)
}
