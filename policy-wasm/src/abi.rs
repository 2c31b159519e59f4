//! The exported functions: the only place where addresses and lengths meet.
//!
//! A host may be mistaken about either. So what was given out is remembered, and nothing else is
//! read or given back: a request elsewhere is answered with an error, and freeing it does nothing.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::ABI_VERSION;
use crate::call;
use sealgate_core::limits;

/// The version of these exports.
#[unsafe(no_mangle)]
extern "C" fn sealgate_abi_version() -> i32 {
    ABI_VERSION
}

/// The rooms that were given out and not given back, by address, with their lengths.
static ROOMS: Mutex<BTreeMap<usize, u32>> = Mutex::new(BTreeMap::new());

fn rooms() -> MutexGuard<'static, BTreeMap<usize, u32>> {
    ROOMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Room for `len` bytes, all of them 0; or 0.
#[unsafe(no_mangle)]
extern "C" fn sealgate_alloc(len: u32) -> *mut u8 {
    let Some(layout) = layout(len) else {
        return std::ptr::null_mut();
    };
    // SAFETY: the layout is not empty.
    let ptr = unsafe { alloc_zeroed(layout) };
    if !ptr.is_null() {
        rooms().insert(ptr as usize, len);
    }
    ptr
}

/// Gives back what `sealgate_alloc`, `sealgate_verify` or `sealgate_info` gave. Anything else is
/// ignored: another address, another length, the same once more.
#[unsafe(no_mangle)]
extern "C" fn sealgate_free(ptr: *mut u8, len: u32) {
    let mut rooms = rooms();
    if rooms.get(&(ptr as usize)) != Some(&len) {
        return;
    }
    rooms.remove(&(ptr as usize));
    if let Some(layout) = layout(len) {
        // SAFETY: this pair came from `alloc_zeroed` with this layout, and was not freed since.
        unsafe { dealloc(ptr, layout) }
    }
}

/// Judges the request at `ptr`, the room that `sealgate_alloc` gave, or the first `len` bytes of
/// it; returns the response. Not checked: whether the host wrote its request there.
#[unsafe(no_mangle)]
extern "C" fn sealgate_verify(ptr: *const u8, len: u32) -> u64 {
    let known = rooms().get(&(ptr as usize)).copied();
    let request: &[u8] = match known {
        Some(room) if len <= room => {
            // SAFETY: `room` bytes at `ptr` are allocated and were written when they were, and
            // nobody frees or writes to them during the call: a module instance has one thread.
            unsafe { std::slice::from_raw_parts(ptr, len as usize) }
        }
        _ if ptr.is_null() || len == 0 => &[],
        _ => return give(&call::no_room(ptr as usize, len)),
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
