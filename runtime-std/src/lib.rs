//! visor-std
