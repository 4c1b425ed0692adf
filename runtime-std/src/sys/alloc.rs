//! Memory for programs that copy much.

use std::alloc::{GlobalAlloc, Layout, System};

/// From this size on.
const LARGE_BYTES: usize = 32 << 10;
/// A cache line.
const LINE_BYTES: usize = 64;

/// The system's allocator, whose large pieces begin at a cache line. Otherwise they begin behind a header, 16 bytes
/// after a page's begin, and there the kernel's copying (`rep movsb`) takes up to 1.8
/// times as long on some processors: of log capture that is the better part.
///
/// ```standalone_crate
/// #[global_allocator]
/// static ALLOCATOR: visor_std::sys::alloc::LargeAligned = visor_std::sys::alloc::LargeAligned;
///
/// assert_eq!(vec![0_u8; 256 << 10].as_ptr().addr() % 64, 0);
/// ```
#[derive(Debug)]
pub struct LargeAligned;

/// What is asked of the system for a layout: always the same for the same one.
fn aligned(layout: Layout) -> Layout {
    if layout.size() < LARGE_BYTES {
        return layout;
    }
    layout.align_to(LINE_BYTES).unwrap_or(layout)
}

// SAFETY: whatever is asked of the system's allocator is at least what the caller asked for, and a
// piece goes back to it with the layout it was got with, because that follows from the caller's.
unsafe impl GlobalAlloc for LargeAligned {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: of the same size as the caller's, which is not zero.
        unsafe { System.alloc(aligned(layout)) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(aligned(layout)) }
    }

    unsafe fn dealloc(&self, piece: *mut u8, layout: Layout) {
        // SAFETY: the piece was got with this layout.
        unsafe { System.dealloc(piece, aligned(layout)) }
    }

    unsafe fn realloc(&self, piece: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that the size, rounded up to the alignment, is no overflow.
        let new = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        let (old, new) = (aligned(layout), aligned(new));
        if old.align() == new.align() {
            // SAFETY: the piece was got with this layout.
            return unsafe { System.realloc(piece, old, new_size) };
        }
        // SAFETY: neither size is zero, both pieces are at least as large as what is copied, and the
        // new one is not the old one.
        unsafe {
            let moved = System.alloc(new);
            if !moved.is_null() {
                std::ptr::copy_nonoverlapping(piece, moved, old.size().min(new_size));
                System.dealloc(piece, old);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize) -> Layout {
        Layout::from_size_align(size, 1).unwrap()
    }

    #[test]
    fn what_is_large_begins_at_a_cache_line_and_keeps_what_is_in_it() {
        let sizes = [
            1,
            100,
            LARGE_BYTES - 1,
            LARGE_BYTES,
            256 << 10,
            5 << 20,
            300,
        ];
        // SAFETY: each piece is got, used within its size, and given back, with its layout.
        unsafe {
            let mut piece = LargeAligned.alloc_zeroed(layout(sizes[0]));
            *piece = 7;
            for step in sizes.windows(2) {
                let (old, new) = (step[0], step[1]);
                let kept = old.min(new) - 1;
                piece.add(kept).write(7);
                piece = LargeAligned.realloc(piece, layout(old), new);
                assert!(new < LARGE_BYTES || piece.addr() % LINE_BYTES == 0);
                assert_eq!((*piece, *piece.add(kept)), (7, 7));
            }
            LargeAligned.dealloc(piece, layout(300));
            let zeroed = LargeAligned.alloc_zeroed(layout(256 << 10));
            assert_eq!((zeroed.addr() % LINE_BYTES, *zeroed.add(1000)), (0, 0));
            LargeAligned.dealloc(zeroed, layout(256 << 10));
        }
    }
}
