//! The wire format between the eBPF programs and their user side: layout only, no behaviour.
#![no_std]
