//! Where clients run: all of them on one thread. Several threads would get in the way of the servers, and what is answered on
//! another thread than the one that asked would be woken late.

/// Runs `work` in a runtime on a thread of its own. Blocks, but lets other tasks go on.
pub(crate) fn run<T: Send>(
    work: impl AsyncFnOnce() -> anyhow::Result<T> + Send,
) -> anyhow::Result<T> {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(work())
    };
    // A runtime cannot be started inside another one, which is what this thread may belong to.
    let run = || std::thread::scope(|scope| scope.spawn(run).join());
    tokio::task::block_in_place(run).unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
