//! The differences between a webhook and its wanted settings.

use std::{fmt, net::IpAddr};

use tower_telegram_types::set_webhook::is_same_url;

use crate::{
    methods::SetWebhook,
    types::{AllowedUpdates, UpdateType, WebhookInfo},
};

/// A setting that differs from the wanted one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Drift {
    /// No webhook is set.
    Unset,
    /// Updates go somewhere else.
    Url,
    /// The fixed address is another one, or none.
    IpAddress,
    /// The number of connections is another one.
    MaxConnections,
    /// Other types of update are sent.
    AllowedUpdates,
    /// A certificate was uploaded and shouldn't be, or the other way round.
    Certificate,
}

/// How the webhook differs from `wanted`; empty if it doesn't.
///
/// Settings that `wanted` leaves out aren't compared: `max_connections`, `allowed_updates` and the address.
/// Telegram doesn't return the secret token and the content of a certificate: they are compared if
/// [`with_fingerprint`](SetWebhook::with_fingerprint) put them into the URL.
///
/// ```
/// use tower_telegram::{methods::SetWebhook, webhook::registration::{Drift, drift}, types::WebhookInfo};
///
/// let info: WebhookInfo = serde_json::from_str(
///     r#"{"url":"https://bot.example/","has_custom_certificate":false,"pending_update_count":0,"max_connections":40}"#,
/// )?;
/// let wanted = SetWebhook::new("https://bot.example/").max_connections(10);
/// assert_eq!(drift(&wanted, &info), [Drift::MaxConnections]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn drift(wanted: &SetWebhook, info: &WebhookInfo) -> Vec<Drift> {
    if info.url.is_empty() && !wanted.url.is_empty() {
        return vec![Drift::Unset];
    }
    let checks = [
        (Drift::Url, is_same_url(&wanted.url, &info.url)),
        (Drift::IpAddress, is_address(wanted, info)),
        (
            Drift::MaxConnections,
            wanted.max_connections.is_none() || wanted.max_connections == info.max_connections,
        ),
        (Drift::AllowedUpdates, are_allowed(wanted, info)),
        (
            Drift::Certificate,
            wanted.certificate.is_some() == info.has_custom_certificate,
        ),
    ];
    let wrong = checks.into_iter().filter(|(_, is_right)| !is_right);
    wrong.map(|(drift, _)| drift).collect()
}

/// The differences that remain after `wanted` was set. Settings that this server can't apply aren't among them, so
/// they don't cause another attempt.
#[cfg_attr(not(feature = "tokio"), allow(dead_code))]
pub(super) fn remaining_drift(wanted: &SetWebhook, info: &WebhookInfo) -> Vec<Drift> {
    let mut drift = drift(wanted, info);
    drift.retain(|drift| match drift {
        Drift::IpAddress => address(info).is_some(),
        // An older server passes over the types that it doesn't know.
        Drift::AllowedUpdates => wanted
            .allowed_updates
            .is_some_and(|wanted| known_types(info).any(|kind| !wanted.contains(kind))),
        _ => true,
    });
    drift
}

fn is_address(wanted: &SetWebhook, info: &WebhookInfo) -> bool {
    let Some(wanted) = &wanted.ip_address else {
        return true;
    };
    wanted.parse().ok() == address(info)
}

/// Telegram says `<unknown>` where it has none yet.
fn address(info: &WebhookInfo) -> Option<IpAddr> {
    info.ip_address.as_deref()?.parse().ok()
}

fn are_allowed(wanted: &SetWebhook, info: &WebhookInfo) -> bool {
    let Some(wanted) = wanted.allowed_updates else {
        return true;
    };
    let (wanted, actual) = (delivered_types(wanted), actual_types(info));
    let mut known = UpdateType::ALL.into_iter();
    // A newer version of the bot may have asked for more than this one has names for.
    let has_more = actual.iter().any(|kind| kind == UpdateType::Unknown);
    known.all(|kind| wanted.contains(kind) == actual.contains(kind))
        && (!has_more || wanted.contains(UpdateType::Unknown))
}

/// The types that Telegram sends for a list: unknown types have no name, and an empty list is the default.
fn delivered_types(wanted: AllowedUpdates) -> AllowedUpdates {
    let has_name = |kind: &UpdateType| *kind != UpdateType::Unknown;
    if wanted.iter().any(|kind| has_name(&kind)) {
        wanted
    } else {
        AllowedUpdates::DEFAULT
    }
}

/// The types that the webhook gets now. Telegram leaves out the default.
fn actual_types(info: &WebhookInfo) -> AllowedUpdates {
    info.allowed_updates.unwrap_or(AllowedUpdates::DEFAULT)
}

/// Those of them that this version has names for.
fn known_types(info: &WebhookInfo) -> impl Iterator<Item = UpdateType> {
    let actual = actual_types(info);
    let known = UpdateType::ALL.into_iter();
    known.filter(move |kind| actual.contains(*kind))
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unset => "no webhook is set",
            Self::Url => "the webhook has another url",
            Self::IpAddress => "the webhook has another fixed address",
            Self::MaxConnections => "the webhook has another number of connections",
            Self::AllowedUpdates => "the webhook is sent other types of update",
            Self::Certificate => "the webhook's certificate is missing, or one too many",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::InputFile;

    const URL: &str = "https://bot.example/x";

    fn info(more: &str) -> WebhookInfo {
        let json = format!(
            r#"{{"has_custom_certificate":false,"pending_update_count":0,"url":"{URL}","max_connections":40,"ip_address":"8.8.8.8"{more}}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    fn wanted() -> SetWebhook {
        SetWebhook::new(URL)
    }

    #[test]
    fn g2_a_setting_that_is_left_out_may_have_any_value() {
        for more in ["", r#","allowed_updates":["poll"]"#] {
            assert_eq!(drift(&wanted(), &info(more)), []);
            assert_eq!(drift(&wanted().for_local_server(), &info(more)), []);
        }
    }

    #[test]
    fn each_setting_that_differs_is_named() {
        let mut unset = info("");
        unset.url = "".into();
        assert_eq!(drift(&wanted().max_connections(1), &unset), [Drift::Unset]);
        let elsewhere = SetWebhook::new("https://bot.example/y");
        assert_eq!(drift(&elsewhere, &info("")), [Drift::Url]);
        let same = SetWebhook::new("HTTPS://Bot.example:443/x");
        assert_eq!(drift(&same, &info("")), []);

        assert_eq!(drift(&wanted().max_connections(40), &info("")), []);
        let connections = drift(&wanted().max_connections(41), &info(""));
        assert_eq!(connections, [Drift::MaxConnections]);

        assert_eq!(drift(&wanted().ip_address("8.8.8.8"), &info("")), []);
        let address = wanted().ip_address("8.8.4.4");
        assert_eq!(drift(&address, &info("")), [Drift::IpAddress]);

        let certified = wanted().certificate(InputFile::bytes("a.pem", &b"x"[..]));
        assert_eq!(drift(&certified, &info("")), [Drift::Certificate]);
        let mut custom = info("");
        custom.has_custom_certificate = true;
        assert_eq!(drift(&certified, &custom), []);
        assert_eq!(drift(&wanted(), &custom), [Drift::Certificate]);
    }

    #[test]
    fn the_default_a_list_and_no_value_are_kept_apart() {
        let differs = |allowed: AllowedUpdates, more: &str| {
            !drift(&wanted().allowed_updates(allowed), &info(more)).is_empty()
        };
        let poll = r#","allowed_updates":["poll"]"#;
        assert!(!differs(AllowedUpdates::DEFAULT, ""));
        assert!(differs(AllowedUpdates::DEFAULT, poll));
        assert!(!differs([UpdateType::Poll].into(), poll));
        assert!(differs([UpdateType::Poll].into(), ""));
        assert!(differs(AllowedUpdates::ALL, ""));
        // The default, spelled out, is what Telegram leaves out.
        let spelled_out: AllowedUpdates = UpdateType::ALL
            .into_iter()
            .filter(|kind| AllowedUpdates::DEFAULT.contains(*kind))
            .collect();
        assert!(!differs(spelled_out, ""));
        // Types without a name can't be sent, and needn't be.
        assert!(!differs([UpdateType::Unknown].into(), ""));
        assert!(!differs(
            [UpdateType::Poll, UpdateType::Unknown].into(),
            poll
        ));
        let newer = r#","allowed_updates":["poll","brand_new"]"#;
        assert!(differs([UpdateType::Poll].into(), newer));
        assert!(!differs(
            [UpdateType::Poll, UpdateType::Unknown].into(),
            newer
        ));
    }

    #[test]
    fn what_the_server_cannot_do_is_no_reason_to_set_it_again() {
        let all = wanted().allowed_updates(AllowedUpdates::ALL);
        let older = info(r#","allowed_updates":["message","poll"]"#);
        assert_eq!(drift(&all, &older), [Drift::AllowedUpdates]);
        assert_eq!(remaining_drift(&all, &older), []);
        let message = wanted().allowed_updates([UpdateType::Message]);
        assert_eq!(remaining_drift(&message, &older), [Drift::AllowedUpdates]);

        let fixed = wanted().ip_address("8.8.4.4");
        assert_eq!(remaining_drift(&fixed, &info("")), [Drift::IpAddress]);
        let mut unknown = info("");
        unknown.ip_address = Some("<unknown>".into());
        assert_eq!(drift(&fixed, &unknown), [Drift::IpAddress]);
        assert_eq!(remaining_drift(&fixed, &unknown), []);
    }
}
