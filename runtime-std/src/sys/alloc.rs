//! Memory for programs that copy much.

use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// From this size on.
const LARGE_BYTES: usize = 32 << 10;
/// A cache line.
const LINE_BYTES: usize = 64;
/// What `malloc` keeps to by itself.
const MALLOC_ALIGN: usize = align_of::<libc::max_align_t>();

/// Gives back to the system what is free, wherever it is: what is behind a piece in use would otherwise
/// be kept. It takes a look at all that is free.
pub fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes what is not in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// The C library's allocator, whose large pieces begin at a cache line. Otherwise they begin behind a
/// header, 16 bytes after a page's begin, and there the kernel's copying (`rep movsb`) takes up to 1.8
/// times as long on some processors: of log capture that is the better part.
///
/// A piece that grows may lose its place: it grows where it is if it can, which takes less memory.
///
/// ```standalone_crate
/// #[global_allocator]
/// static ALLOCATOR: visor_std::sys::alloc::LargeAligned = visor_std::sys::alloc::LargeAligned;
///
/// assert_eq!(vec![1_u8; 256 << 10].as_ptr().addr() % 64, 0);
/// ```
#[derive(Debug)]
pub struct LargeAligned;

// SAFETY: pieces of an alignment that `malloc` keeps to are all the C library's, which frees and
// resizes what `posix_memalign` gave as what `malloc` did; all others are left to the system's
// allocator.
unsafe impl GlobalAlloc for LargeAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if layout.align() > MALLOC_ALIGN {
            // SAFETY: the caller's promises.
            return unsafe { System.alloc(layout) };
        }
        if layout.size() < LARGE_BYTES {
            // SAFETY: any size will do.
            return unsafe { libc::malloc(layout.size()) }.cast();
        }
        let mut piece = ptr::null_mut();
        // SAFETY: the alignment is a power of two and a multiple of a pointer's size.
        let failed = unsafe { libc::posix_memalign(&raw mut piece, LINE_BYTES, layout.size()) };
        if failed == 0 {
            piece.cast()
        } else {
            ptr::null_mut()
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() > MALLOC_ALIGN {
            // SAFETY: the caller's promises.
            return unsafe { System.alloc_zeroed(layout) };
        }
        // SAFETY: any size will do. Pages that are zero already are not touched, whatever their size.
        unsafe { libc::calloc(layout.size(), 1) }.cast()
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        if layout.align() > MALLOC_ALIGN {
            // SAFETY: the caller's promises.
            return unsafe { System.dealloc(piece, layout) };
        }
        // SAFETY: it is the C library's.
        unsafe { libc::free(piece.cast()) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        if layout.align() > MALLOC_ALIGN {
            // SAFETY: the caller's promises.
            return unsafe { System.realloc(piece, layout, new_size) };
        }
        // SAFETY: it is the C library's.
        unsafe { libc::realloc(piece.cast(), new_size) }.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn what_is_large_begins_at_a_cache_line_and_keeps_what_is_in_it() {
        // SAFETY: each piece is got, used within its size, and given back, with its layout.
        unsafe {
            for size in [LARGE_BYTES, 64 << 10, 256 << 10, 5 << 20] {
                let piece = LargeAligned.alloc(layout(size, 1));
                assert_eq!(piece.addr() % LINE_BYTES, 0);
                for at in [0, size / 3] {
                    piece.add(at).write(7);
                }
                let grown = LargeAligned.realloc(piece, layout(size, 1), 3 * size);
                grown.add(3 * size - 1).write(1);
                let shrunk = LargeAligned.realloc(grown, layout(3 * size, 1), size / 3 + 1);
                assert_eq!((*shrunk, *shrunk.add(size / 3)), (7, 7));
                LargeAligned.dealloc(shrunk, layout(size / 3 + 1, 1));
            }
        }
    }

    #[test]
    fn the_alignment_that_is_asked_for_is_kept() {
        // SAFETY: as above.
        unsafe {
            for align in [1, 8, 16, 64, 4096] {
                for size in [1, 24, 40_000] {
                    let zeroed = LargeAligned.alloc_zeroed(layout(size, align));
                    assert_eq!((zeroed.addr() % align, *zeroed.add(size - 1)), (0, 0));
                    let grown = LargeAligned.realloc(zeroed, layout(size, align), 2 * size);
                    assert_eq!((grown.addr() % align, *grown), (0, 0));
                    LargeAligned.dealloc(grown, layout(2 * size, align));
                }
            }
        }
    }
}
