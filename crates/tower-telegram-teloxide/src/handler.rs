//! A tree of handlers that reports how it ended.

use std::{ops::ControlFlow, panic::AssertUnwindSafe, sync::Arc};

use futures_util::FutureExt as _;
use teloxide::{
    dispatching::UpdateHandler,
    dptree::{self, di::DependencyMap},
    types::Update,
};

use crate::{
    error::BoxError,
    pending::{EndReporter, Ended, Pending, Unmatched},
};

/// The meaning of a handler's error for its update.
pub(crate) type Judge<Err> = Arc<dyn Fn(&Err) -> Result<(), BoxError> + Send + Sync>;

/// The same tree, which ends the reporter of each update. It has the tree's own description and signature, so that the
/// dispatcher asks Telegram for the same types of update and checks the same dependencies.
pub(crate) fn reporting<Err>(
    tree: UpdateHandler<Err>,
    pending: Arc<Pending>,
    judge: Judge<Err>,
) -> UpdateHandler<Err>
where
    Err: Send + Sync + 'static,
{
    let (description, signature) = (tree.description().clone(), tree.sig().clone());
    dptree::from_fn_with_description(
        description,
        move |dependencies: DependencyMap, rest| {
            let (tree, judge) = (tree.clone(), Arc::clone(&judge));
            let reporter = pending.take(dependencies.get::<Update>().id);
            async move {
                let run = tree.execute(dependencies, rest);
                match reporter {
                    // An update of another listener.
                    None => run.await,
                    // It is sent again, and this copy would be a second one.
                    Some(reporter) if reporter.is_abandoned() => ControlFlow::Break(Ok(())),
                    Some(reporter) => match AssertUnwindSafe(run).catch_unwind().await {
                        Ok(flow) => report(flow, reporter, &judge),
                        // If it went on, the panic would end the worker of the chat, and with it the dispatcher.
                        Err(panic) => {
                            reporter.end(Ended::Panicked(panic));
                            ControlFlow::Break(Ok(()))
                        }
                    },
                }
            }
        },
        signature,
    )
}

type Flow<Err> = ControlFlow<Result<(), Err>, DependencyMap>;

fn report<Err>(flow: Flow<Err>, reporter: EndReporter, judge: &Judge<Err>) -> Flow<Err> {
    match flow {
        ControlFlow::Continue(mut dependencies) => {
            dependencies.insert(Unmatched::new(reporter));
            ControlFlow::Continue(dependencies)
        }
        ControlFlow::Break(result) => {
            let judged = result
                .as_ref()
                .map_or_else(|error| judge(error), |()| Ok(()));
            reporter.end(judged.map_or_else(Ended::Failed, |()| Ended::Handled));
            ControlFlow::Break(result)
        }
    }
}
