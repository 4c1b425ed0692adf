//! visor
