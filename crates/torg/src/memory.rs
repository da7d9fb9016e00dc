//! What the process asks of the system's memory.

/// Asks the system for small pages only. A server holds many small things that live long, such as idle connections, and
/// a huge page stays in memory for a single one of them: 10,000 idle streams held 26 KiB each, and hold 16 KiB without
/// huge pages (`cargo run --release -p bench -- connections`). To be called before anything is allocated.
pub fn use_small_pages() {
    #[cfg(target_os = "linux")]
    {
        // A system that cannot do this gives what it gives.
        let _ = rustix::thread::disable_transparent_huge_pages(true);
    }
}
