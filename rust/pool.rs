//! The thread pool of this library: made at first use, and again after a fork.
//!
//! Rayon's global pool is left alone, so that a host program keeps its own.

use std::num::NonZeroUsize;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, mem, thread};

use arc_swap::ArcSwapOption;
use rayon::{ThreadPool, ThreadPoolBuilder};

/// The variable of the environment that sets the number of threads.
pub const VARIABLE: &str = "CFHTISR_NUM_THREADS";

struct Pool {
    process: u32,
    threads: usize,
    workers: ThreadPool,
}

// Read without a lock: a lock that another thread held at a fork would never open in the child.
static POOL: ArcSwapOption<Pool> = ArcSwapOption::const_empty();
thread_local! {
    /// A pool of this thread alone.
    static OWN: Option<ThreadPool> =
        ThreadPoolBuilder::new().num_threads(1).use_current_thread().build().ok();
}
static ASKED: AtomicUsize = AtomicUsize::new(0);

/// Set the number of threads of later calls; 0 returns to the default.
pub fn set_num_threads(threads: usize) {
    ASKED.store(threads, Ordering::Relaxed);
}

/// The number of threads that the next call uses.
///
/// What [`set_num_threads`] asked for, else a positive whole number in
/// `CFHTISR_NUM_THREADS`, else the processors that this process may use.
#[must_use]
pub fn num_threads() -> usize {
    let asked = ASKED.load(Ordering::Relaxed);
    let named = || env::var(VARIABLE).ok()?.trim().parse().ok();
    NonZeroUsize::new(asked)
        .or_else(named)
        .or_else(|| thread::available_parallelism().ok())
        .map_or(1, NonZeroUsize::get)
}

/// Run `work` with its parallel iterators on the pool of this library.
///
/// One thread is the caller's own, so that callers do not wait for each other. When the operating
/// system grants no thread the work runs on the pool of the caller.
pub fn install<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    if num_threads() == 1 {
        return OWN.with(|own| match own {
            Some(pool) => pool.install(work),
            None => work(),
        });
    }
    match current() {
        Some(pool) => pool.workers.install(work),
        None => work(),
    }
}

fn current() -> Option<Arc<Pool>> {
    let (process, threads) = (process::id(), num_threads());
    if let Some(pool) = POOL.load_full()
        && pool.process == process
        && pool.threads == threads
    {
        return Some(pool);
    }
    let workers = ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|index| format!("cfhtisr-{index}"))
        .build()
        .ok()?;
    let fresh = Arc::new(Pool { process, threads, workers });
    let old = POOL.swap(Some(Arc::clone(&fresh)));
    // The threads of a pool made before a fork do not exist here: waking them could wait forever.
    if old.as_ref().is_some_and(|pool| pool.process != process) {
        mem::forget(old);
    }
    Some(fresh)
}
