//! What the daemon may do: its user and its limits.

use visor_core::LogLevel;
use visor_core::config::SupervisordConfig;
use visor_std::sys::privileges::{drop_to, is_root};
use visor_std::sys::rlimits::{Limit, Raised, raise};

/// Lines for the activity log, which is not open yet.
pub(super) type Messages = Vec<(LogLevel, String)>;

/// Becomes the user of `[supervisord]`, for good.
///
/// # Errors
/// The message for the operator.
pub(super) fn become_user(
    config: &SupervisordConfig,
    messages: &mut Messages,
) -> Result<(), String> {
    match &config.user {
        Some(user) => {
            drop_to(user).map_err(|error| error.to_string())?;
            let text = format!("Set uid to user {} succeeded", user.uid);
            messages.push((LogLevel::Info, text));
        }
        None if is_root() => {
            let text = "Supervisor is running as root.  No user is set in the configuration, so \
                privileges were not dropped; set user=root if that is what you want, and this \
                message will not come again.";
            messages.push((LogLevel::Critical, text.to_owned()));
        }
        None => {}
    }
    Ok(())
}

/// Raises what `minfds` and `minprocs` ask for.
///
/// # Errors
/// A hard limit is lower: the message for the operator.
pub(super) fn raise_limits(
    config: &SupervisordConfig,
    messages: &mut Messages,
) -> Result<(), String> {
    for (limit, least) in [
        (Limit::Files, config.minfds),
        (Limit::Processes, config.minprocs),
    ] {
        match raise(limit, least) {
            Raised::Enough => {}
            Raised::To(now) => {
                let text = format!("Increased {} limit to {now}", limit.name());
                messages.push((LogLevel::Info, text));
            }
            Raised::Refused(hard) => return Err(too_low(limit, least, hard)),
        }
    }
    Ok(())
}

fn too_low(limit: Limit, least: u64, hard: u64) -> String {
    let (what, key) = match limit {
        Limit::Files => ("file descriptors required to run this process", "minfds"),
        Limit::Processes => (
            "available processes required to run this program",
            "minprocs",
        ),
    };
    format!(
        "The minimum number of {what} is {least} as per the \"{key}\" command-line argument or \
         config file setting. The current environment allows {hard}: raise the hard limit of {} \
         or lower {key}.",
        limit.name()
    )
}
