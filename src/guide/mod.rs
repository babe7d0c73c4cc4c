//! Guides on subjects that concern several modules.
//!
//! - [`layers`]: every layer with its responses and defaults, and their order.
//! - [`delivery`]: the guarantees and costs of one process, replicas, and a queue.
//! - [`observability`]: every span, field, event and metric, and how to keep the token out of logs.
//! - [`performance`]: what a request, a call, a connection and a build cost, beside other crates.
//! - [`cookbook`]: short answers to common questions.
//! - [`deploying`]: settings, TLS, proxies, starting and stopping, AWS Lambda.
//! - [`security`]: what the crate protects from, and what it leaves to you.
//! - [`testing`]: tests of a handler, of the webhook, and of the whole bot.
//! - [`from_teloxide`], [`from_frankenstein`], [`from_grammy`], [`from_aiogram`]: the parts of a bot on another
//!   framework, and what they are here.

#[doc = include_str!("layers.md")]
pub mod layers {}

#[doc = include_str!("delivery.md")]
pub mod delivery {}

#[doc = include_str!("performance.md")]
pub mod performance {}

#[doc = include_str!("observability.md")]
pub mod observability {}

#[cfg(all(feature = "client", feature = "server"))]
#[doc = include_str!("cookbook.md")]
pub mod cookbook {}

#[doc = include_str!("deploying.md")]
pub mod deploying {}

#[doc = include_str!("security.md")]
pub mod security {}

#[cfg(feature = "client")]
#[doc = include_str!("testing.md")]
pub mod testing {}

#[cfg(feature = "client")]
#[doc = include_str!("from_teloxide.md")]
pub mod from_teloxide {}

#[cfg(feature = "client")]
#[doc = include_str!("from_frankenstein.md")]
pub mod from_frankenstein {}

#[doc = include_str!("from_grammy.md")]
pub mod from_grammy {}

#[doc = include_str!("from_aiogram.md")]
pub mod from_aiogram {}

#[cfg(test)]
mod tests {
    #[test]
    fn each_answer_of_the_cookbook_is_a_doc_test() {
        let answers = include_str!("cookbook.md").split("\n## ").skip(1);
        let answers: Vec<_> = answers.collect();
        assert!(answers.len() >= 25, "{}", answers.len());
        for answer in answers {
            let examples: Vec<_> = answer.split("\n```").skip(1).step_by(2).collect();
            let question = answer.lines().next();
            assert!(!examples.is_empty(), "{question:?}");
            for example in examples {
                let language = example.lines().next();
                assert!(
                    matches!(language, Some("rust" | "rust,no_run")),
                    "{question:?}"
                );
            }
        }
    }
}
