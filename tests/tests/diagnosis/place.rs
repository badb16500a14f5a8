//! A pod, the network that leads to it, and what happens there.

use std::net::{IpAddr, SocketAddr};
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use kubeskoop_exporter_tests::lab::apiserver::{ApiServer, PodObject};
use kubeskoop_exporter_tests::lab::netns::Netns;
use kubeskoop_exporter_tests::lab::pod::Pod;
use kubeskoop_exporter_tests::lab::veth::Pair;

use crate::faults::{Fault, Happening};
use crate::site::NODE;

/// How long anything happens if nobody ends it.
const END: Duration = Duration::from_mins(9);

const PAUSE: Duration = Duration::from_millis(50);

/// A pod of one process, joined to a namespace that is no pod.
pub struct Place {
    pub pod: Pod,
    pub outside: Arc<Netns>,
    /// Its end `a` is outside, its end `b` in the pod.
    pub pair: Pair,
}

impl Place {
    /// Makes it, and has the API server know its pod.
    pub fn new(fault: &Fault, command: &[&str], outside: &Arc<Netns>, api: &ApiServer) -> Result<Self> {
        let object = PodObject::new(fault.namespace, fault.pod).node(NODE);
        api.add(&object);
        let pod = Pod::of(object.uid()).command(command).start()?;
        let pair = Netns::connect(outside, pod.netns()?)?;
        Ok(Self {
            pod,
            outside: Arc::clone(outside),
            pair,
        })
    }

    /// A port outside.
    pub fn out_there(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.pair.a.v4), port)
    }

    /// A port of the pod.
    pub fn in_here(&self, port: u16) -> SocketAddr {
        SocketAddr::new(IpAddr::V4(self.pair.b.v4), port)
    }
}

/// Says when to go on, and for how long.
pub struct Clock {
    is_stopped: AtomicBool,
    end: Instant,
}

impl Clock {
    /// The numbers of rounds, one a second.
    pub fn rounds(&self) -> impl Iterator<Item = u32> {
        let begin = Instant::now();
        (0..).take_while(move |&round| self.waits_until(begin + Duration::from_secs(round.into())))
    }

    /// Whether to go on then.
    fn waits_until(&self, then: Instant) -> bool {
        loop {
            let now = Instant::now();
            if self.is_stopped.load(Ordering::Relaxed) || now >= self.end {
                return false;
            }
            if now >= then {
                return true;
            }
            sleep(PAUSE.min(then - now));
        }
    }
}

/// What happens at a place, by a thread of its own; it ends when dropped, and the place with it.
pub struct Running {
    clock: Arc<Clock>,
    failure: Arc<Mutex<Option<String>>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Begins.
    pub fn start(mut place: Place, happening: Happening) -> Result<Self> {
        let clock = Arc::new(Clock {
            is_stopped: AtomicBool::new(false),
            end: Instant::now() + END,
        });
        let failure = Arc::<Mutex<Option<String>>>::default();
        let (thread_clock, thread_failure) = (Arc::clone(&clock), Arc::clone(&failure));
        let thread = thread::Builder::new()
            .spawn(move || {
                if let Err(error) = happening(&mut place, &thread_clock) {
                    let mut failure = thread_failure.lock().unwrap_or_else(PoisonError::into_inner);
                    *failure = Some(format!("{error:?}"));
                }
            })
            .context("cannot start a thread")?;
        Ok(Self {
            clock,
            failure,
            thread: Some(thread),
        })
    }

    /// An error if it does not go on.
    pub fn goes_on(&self) -> Result<()> {
        let failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        match &*failure {
            Some(failure) => bail!("{failure}"),
            None => Ok(()),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.clock.is_stopped.store(true, Ordering::Relaxed);
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !thread::panicking()
        {
            resume_unwind(panic);
        }
    }
}
