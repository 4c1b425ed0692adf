//! The operating system under a [`Supervisor`](visor_core::Supervisor): the shared layer
//! [`sys`], and a runtime of one thread around epoll.

pub mod sys;
