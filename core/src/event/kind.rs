//! The tree of event types, and sets of them.

/// An event type, as listeners name it. `Event`, `ProcessState` and the like are never sent: they
/// stand for everything below them in a subscription.
///
/// ```
/// use visor_core::event::EventKind;
/// assert_eq!(EventKind::Tick5.name(), "TICK_5");
/// assert!(EventKind::Tick5.matches(EventKind::Tick) && EventKind::Tick5.matches(EventKind::Event));
/// assert_eq!(EventKind::Event.parent(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[repr(u8)]
#[allow(missing_docs)] // The names are the documentation: `ProcessLogStdout` is PROCESS_LOG_STDOUT.
pub enum EventKind {
    Event,
    ProcessState,
    ProcessStateStarting,
    ProcessStateRunning,
    ProcessStateBackoff,
    ProcessStateStopping,
    ProcessStateExited,
    ProcessStateStopped,
    ProcessStateFatal,
    ProcessStateUnknown,
    ProcessCommunication,
    ProcessCommunicationStdout,
    ProcessCommunicationStderr,
    ProcessLog,
    ProcessLogStdout,
    ProcessLogStderr,
    RemoteCommunication,
    SupervisorStateChange,
    SupervisorStateChangeRunning,
    SupervisorStateChangeStopping,
    Tick,
    Tick5,
    Tick60,
    Tick3600,
    ProcessGroup,
    ProcessGroupAdded,
    ProcessGroupRemoved,
}

impl EventKind {
    /// All types, each parent before its children.
    pub const ALL: [Self; 27] = [
        Self::Event,
        Self::ProcessState,
        Self::ProcessStateStarting,
        Self::ProcessStateRunning,
        Self::ProcessStateBackoff,
        Self::ProcessStateStopping,
        Self::ProcessStateExited,
        Self::ProcessStateStopped,
        Self::ProcessStateFatal,
        Self::ProcessStateUnknown,
        Self::ProcessCommunication,
        Self::ProcessCommunicationStdout,
        Self::ProcessCommunicationStderr,
        Self::ProcessLog,
        Self::ProcessLogStdout,
        Self::ProcessLogStderr,
        Self::RemoteCommunication,
        Self::SupervisorStateChange,
        Self::SupervisorStateChangeRunning,
        Self::SupervisorStateChangeStopping,
        Self::Tick,
        Self::Tick5,
        Self::Tick60,
        Self::Tick3600,
        Self::ProcessGroup,
        Self::ProcessGroupAdded,
        Self::ProcessGroupRemoved,
    ];

    /// The name in `events=` and after `eventname:`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "EVENT",
            Self::ProcessState => "PROCESS_STATE",
            Self::ProcessStateStarting => "PROCESS_STATE_STARTING",
            Self::ProcessStateRunning => "PROCESS_STATE_RUNNING",
            Self::ProcessStateBackoff => "PROCESS_STATE_BACKOFF",
            Self::ProcessStateStopping => "PROCESS_STATE_STOPPING",
            Self::ProcessStateExited => "PROCESS_STATE_EXITED",
            Self::ProcessStateStopped => "PROCESS_STATE_STOPPED",
            Self::ProcessStateFatal => "PROCESS_STATE_FATAL",
            Self::ProcessStateUnknown => "PROCESS_STATE_UNKNOWN",
            Self::ProcessCommunication => "PROCESS_COMMUNICATION",
            Self::ProcessCommunicationStdout => "PROCESS_COMMUNICATION_STDOUT",
            Self::ProcessCommunicationStderr => "PROCESS_COMMUNICATION_STDERR",
            Self::ProcessLog => "PROCESS_LOG",
            Self::ProcessLogStdout => "PROCESS_LOG_STDOUT",
            Self::ProcessLogStderr => "PROCESS_LOG_STDERR",
            Self::RemoteCommunication => "REMOTE_COMMUNICATION",
            Self::SupervisorStateChange => "SUPERVISOR_STATE_CHANGE",
            Self::SupervisorStateChangeRunning => "SUPERVISOR_STATE_CHANGE_RUNNING",
            Self::SupervisorStateChangeStopping => "SUPERVISOR_STATE_CHANGE_STOPPING",
            Self::Tick => "TICK",
            Self::Tick5 => "TICK_5",
            Self::Tick60 => "TICK_60",
            Self::Tick3600 => "TICK_3600",
            Self::ProcessGroup => "PROCESS_GROUP",
            Self::ProcessGroupAdded => "PROCESS_GROUP_ADDED",
            Self::ProcessGroupRemoved => "PROCESS_GROUP_REMOVED",
        }
    }

    /// The type named `name`, in any case.
    ///
    /// ```
    /// use visor_core::event::EventKind;
    /// assert_eq!(EventKind::from_name("tick_5"), Some(EventKind::Tick5));
    /// assert_eq!(EventKind::from_name("TICK_7"), None);
    /// ```
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The type right above, up to [`EventKind::Event`], which has none.
    #[must_use]
    pub const fn parent(self) -> Option<Self> {
        match self {
            Self::Event => None,
            Self::ProcessState
            | Self::ProcessCommunication
            | Self::ProcessLog
            | Self::RemoteCommunication
            | Self::SupervisorStateChange
            | Self::Tick
            | Self::ProcessGroup => Some(Self::Event),
            Self::ProcessStateStarting
            | Self::ProcessStateRunning
            | Self::ProcessStateBackoff
            | Self::ProcessStateStopping
            | Self::ProcessStateExited
            | Self::ProcessStateStopped
            | Self::ProcessStateFatal
            | Self::ProcessStateUnknown => Some(Self::ProcessState),
            Self::ProcessCommunicationStdout | Self::ProcessCommunicationStderr => {
                Some(Self::ProcessCommunication)
            }
            Self::ProcessLogStdout | Self::ProcessLogStderr => Some(Self::ProcessLog),
            Self::SupervisorStateChangeRunning | Self::SupervisorStateChangeStopping => {
                Some(Self::SupervisorStateChange)
            }
            Self::Tick5 | Self::Tick60 | Self::Tick3600 => Some(Self::Tick),
            Self::ProcessGroupAdded | Self::ProcessGroupRemoved => Some(Self::ProcessGroup),
        }
    }

    /// Whether a subscription to `subscribed` receives events of this type.
    #[must_use]
    pub fn matches(self, subscribed: Self) -> bool {
        core::iter::successors(Some(self), |kind| kind.parent()).any(|kind| kind == subscribed)
    }

    const fn bit(self) -> u32 {
        1 << self as u8
    }
}

/// A set of event types: what one pool receives, or, as a union, what anybody does. Whether a kind
/// is wanted is one bit.
///
/// A type subscribed to twice, by itself and by a parent, is received once: the reference delivers
/// such an event twice, under one serial.
///
/// ```
/// use visor_core::event::{EventKind, Subscriptions};
/// let wanted = Subscriptions::from_names(["tick", "PROCESS_LOG_STDOUT"]).unwrap();
/// assert!(wanted.contains(EventKind::Tick60));
/// assert!(!wanted.contains(EventKind::ProcessLogStderr));
/// assert_eq!(Subscriptions::from_names(["TICK", "TOCK"]), Err("TOCK"));
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Subscriptions(u32);

impl Subscriptions {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// The set that `events=` describes.
    ///
    /// # Errors
    /// The first name that is no event type.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut set = Self::NONE;
        for name in names {
            set.insert(EventKind::from_name(name).ok_or(name)?);
        }
        Ok(set)
    }

    /// Adds a type and all below it.
    pub fn insert(&mut self, subscribed: EventKind) {
        for kind in EventKind::ALL {
            if kind.matches(subscribed) {
                self.0 |= kind.bit();
            }
        }
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether events of this type are wanted.
    #[must_use]
    pub const fn contains(self, kind: EventKind) -> bool {
        self.0 & kind.bit() != 0
    }

    /// Whether nothing is wanted.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_all_is_in_the_order_of_the_bits_and_names_round_trip() {
        for (position, kind) in EventKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, position);
            assert_eq!(EventKind::from_name(kind.name()), Some(kind));
            assert_eq!(
                EventKind::from_name(&kind.name().to_ascii_lowercase()),
                Some(kind)
            );
        }
    }

    #[test]
    fn every_type_is_named_after_its_parent_and_is_an_event() {
        for kind in EventKind::ALL {
            assert!(kind.matches(EventKind::Event));
            assert!(kind.matches(kind));
            if let Some(parent) = kind.parent().filter(|p| *p != EventKind::Event) {
                assert!(kind.name().starts_with(parent.name()), "{kind:?}");
                assert!(kind.matches(parent) && !parent.matches(kind));
            }
        }
    }

    #[test]
    fn a_set_holds_exactly_what_matches() {
        for subscribed in EventKind::ALL {
            let mut set = Subscriptions::NONE;
            set.insert(subscribed);
            for kind in EventKind::ALL {
                assert_eq!(set.contains(kind), kind.matches(subscribed));
            }
        }
    }

    #[test]
    fn a_union_wants_what_either_wants() {
        let mut set = Subscriptions::from_names(["tick_5"]).unwrap();
        assert!(!set.is_empty() && Subscriptions::NONE.is_empty());
        set.extend(Subscriptions::from_names(["Process_Group"]).unwrap());
        assert!(set.contains(EventKind::Tick5) && set.contains(EventKind::ProcessGroupRemoved));
        assert!(!set.contains(EventKind::Tick) && !set.contains(EventKind::ProcessState));
    }
}
