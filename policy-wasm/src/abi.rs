//! The exported functions: the only place where addresses and lengths meet.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};

use crate::ABI_VERSION;
use crate::call;
use sealgate_core::limits;

/// The version of these exports.
#[unsafe(no_mangle)]
extern "C" fn sealgate_abi_version() -> i32 {
    ABI_VERSION
}

/// Room for `len` bytes, or 0.
#[unsafe(no_mangle)]
extern "C" fn sealgate_alloc(len: u32) -> *mut u8 {
    match layout(len) {
        // SAFETY: the layout is not empty.
        Some(layout) => unsafe { alloc(layout) },
        None => std::ptr::null_mut(),
    }
}

/// Gives back what `sealgate_alloc`, `sealgate_verify` or `sealgate_info` gave.
///
/// # Safety
/// `ptr` and `len` must be one such pair, not freed before. A null pointer is ignored.
#[unsafe(no_mangle)]
unsafe extern "C" fn sealgate_free(ptr: *mut u8, len: u32) {
    if let (false, Some(layout)) = (ptr.is_null(), layout(len)) {
        // SAFETY: the caller promises that this pair came from `alloc` with this layout.
        unsafe { dealloc(ptr, layout) }
    }
}

/// Judges the request at `ptr`; returns the response.
///
/// # Safety
/// `len` bytes at `ptr` must be readable: the room that `sealgate_alloc` gave.
#[unsafe(no_mangle)]
unsafe extern "C" fn sealgate_verify(ptr: *const u8, len: u32) -> u64 {
    let request: &[u8] = match ptr.is_null() {
        true => &[],
        // SAFETY: the caller promises that these bytes are readable, and nobody writes
        // to them during the call: a module instance has one thread.
        false => unsafe { std::slice::from_raw_parts(ptr, len as usize) },
    };
    give(&call::verify(request))
}

/// Names versions and limits.
#[unsafe(no_mangle)]
extern "C" fn sealgate_info() -> u64 {
    give(&call::info())
}

/// Copies bytes into room that the host will free.
fn give(bytes: &[u8]) -> u64 {
    let Ok(len) = u32::try_from(bytes.len()) else {
        return 0;
    };
    let ptr = sealgate_alloc(len);
    if ptr.is_null() {
        return 0;
    }
    // SAFETY: `ptr` was just allocated with room for `len` bytes and overlaps nothing.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), ptr, bytes.len()) };
    ((ptr as usize as u64) << 32) | u64::from(len)
}

/// Bytes need no alignment; empty and absurd sizes have no layout.
fn layout(len: u32) -> Option<Layout> {
    let most = limits::PACK_BYTES.saturating_mul(2);
    let len = usize::try_from(len)
        .ok()
        .filter(|len| (1..=most).contains(len))?;
    Layout::from_size_align(len, 1).ok()
}
