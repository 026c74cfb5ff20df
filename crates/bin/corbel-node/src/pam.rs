//! Passwords by PAM, service `corbel` (`/etc/pam.d/corbel`).

use std::ffi::{OsStr, OsString};

use corbel_serve::{PasswordCheck, PasswordError};
use nonstick::{AuthnFlags, ConversationAdapter, ErrorCode, Transaction as _, TransactionBuilder};

/// PAM of this machine. Checking `/etc/shadow` needs root, which the daemon is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pam;

const SERVICE: &str = "corbel";

impl PasswordCheck for Pam {
    fn check(&self, user: &str, password: &str) -> Result<bool, PasswordError> {
        let conversation = Conversation {
            user: user.into(),
            password: password.into(),
        };
        let outcome = TransactionBuilder::new_with_service(SERVICE)
            .username(user)
            .build(conversation.into_conversation())
            .and_then(|mut transaction| {
                // An account without a password must not be open to the empty one.
                transaction.authenticate(AuthnFlags::DISALLOW_NULL_AUTHTOK)?;
                transaction.account_management(AuthnFlags::DISALLOW_NULL_AUTHTOK)
            });
        match outcome {
            Ok(()) => Ok(true),
            // The service is broken or absent, which is not the caller's fault.
            Err(error @ (ErrorCode::SystemError | ErrorCode::ServiceError | ErrorCode::BufferError)) => {
                Err(PasswordError(error.to_string()))
            }
            Err(error) => {
                tracing::debug!(%error, "password refused");
                Ok(false)
            }
        }
    }
}

struct Conversation {
    user: OsString,
    password: OsString,
}

impl ConversationAdapter for Conversation {
    fn prompt(&self, _: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        Ok(self.user.clone())
    }

    fn masked_prompt(&self, _: impl AsRef<OsStr>) -> nonstick::Result<OsString> {
        Ok(self.password.clone())
    }

    fn error_msg(&self, message: impl AsRef<OsStr>) {
        tracing::debug!(message = ?message.as_ref(), "PAM");
    }

    fn info_msg(&self, message: impl AsRef<OsStr>) {
        tracing::debug!(message = ?message.as_ref(), "PAM");
    }
}
