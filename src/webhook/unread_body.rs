//! The bound that keeps layers of requests above the one that reads them.

/// The body of a request that wasn't read yet: any [`http_body::Body`].
#[diagnostic::on_unimplemented(
    message = "`SecretTokenLayer` and `SourceIpLayer` belong above `UpdateLayer`: below it, anybody's request has been read",
    label = "`{Self}` has been read by `UpdateLayer`",
    note = "the order of the layers is: secret_token, source_ip, update, allowed_updates, deadline, delivery, trace_updates, sequence, handler_timeout, parse, reply"
)]
pub trait UnreadBody {}

#[diagnostic::do_not_recommend]
impl<B: http_body::Body> UnreadBody for B {}
