//! The floors of the Go runtime.

use std::collections::BTreeSet;

use seccinch::policy::floor::Floor;

use crate::{
    floor_program::{Libc, Release, breaks_without, works_on_floors},
    launch::Setting,
};

/// A test for each name on both releases, and one that no name of the floor is forgotten.
macro_rules! names {
    ($floor:expr, $($name:ident on $path:expr, $setting:ident;)+) => {
        use super::*;

        /// Check that every name of the floor has its test here.
        #[test]
        fn no_name_is_forgotten() {
            let tested = BTreeSet::from([$(stringify!($name)),+]);
            for release in [Release::Oldest, Release::Newest] {
                let held = release.names(Some($floor));
                assert!(held.is_subset(&tested), "not tested: {:?}", held.difference(&tested));
            }
        }

        mod oldest {
            use super::*;
            $(
                #[doc = concat!("Check that the oldest release breaks without `", stringify!($name), "` if its floor holds it.")]
                #[test]
                fn $name() {
                    breaks_without(Release::Oldest, $floor, stringify!($name), $path, Setting::$setting);
                }
            )+
        }

        mod newest {
            use super::*;
            $(
                #[doc = concat!("Check that the newest release breaks without `", stringify!($name), "` if its floor holds it.")]
                #[test]
                fn $name() {
                    breaks_without(Release::Newest, $floor, stringify!($name), $path, Setting::$setting);
                }
            )+
        }
    };
}

/// Called by every start: a program that does nothing is enough.
mod start {
    names! { Floor::GoStart,
        arch_prctl on &[], Plain;
        clone on &[], Plain;
        close on &[], Plain;
        fcntl on &[], Plain;
        futex on &[], Plain;
        getrlimit on &[], Plain;
        gettid on &[], Plain;
        madvise on &[], Plain;
        mmap on &[], Plain;
        nanosleep on &[], Plain;
        openat on &[], Plain;
        prctl on &[], Plain;
        prlimit64 on &[], Plain;
        read on &[], Plain;
        rt_sigaction on &[], Plain;
        rt_sigprocmask on &[], Plain;
        sched_getaffinity on &[], Plain;
        sigaltstack on &[], Plain;
    }
}

/// Called when the runtime or its surroundings ask for it.
mod running {
    names! { Floor::Go,
        epoll_create1 on &["timer"], Plain;
        epoll_ctl on &["timer"], Plain;
        epoll_pwait on &["timer"], Plain;
        eventfd2 on &["timer"], Plain;
        exit on &["thread"], Plain;
        getcwd on &["folder"], Plain;
        getpid on &["preempt"], Plain;
        munmap on &["grow"], Plain;
        pipe2 on &["timer"], Plain;
        pread64 on &["procs"], ProcessorLimit;
        sched_yield on &["yield"], Plain;
        setrlimit on &[], LowFileLimit;
        tgkill on &["preempt"], Plain;
        write on &["wake"], Plain;
    }
}

/// Called when someone asks for a CPU profile.
mod profiling {
    names! { Floor::GoProfiling,
        fstat on &["profile"], Plain;
        pread64 on &["profile"], Plain;
        setitimer on &["profile"], Plain;
        timer_create on &["profile"], Plain;
        timer_delete on &["profile"], Plain;
        timer_settime on &["profile"], Plain;
    }
}

/// A test for each path on both releases, with the calls that are the path's own.
macro_rules! paths {
    ($($test:ident: $path:expr, $own:expr, $setting:ident;)+) => {
        $(
            #[doc = concat!("Check that the path `", stringify!($test), "` needs nothing but the floors and its own calls.")]
            #[test]
            fn $test() {
                for release in [Release::Oldest, Release::Newest] {
                    works_on_floors(release, Libc::Without, $path, $own, Setting::$setting);
                }
            }
        )+
    };
}

/// The floors are enough for every path.
mod enough {
    use super::*;

    paths! {
        start: &[], &[], Plain;
        start_with_a_low_file_limit: &[], &[], LowFileLimit;
        start_without_vdso: &[], &[], WithoutVdso;
        signal: &["signal"], &["kill"], Plain;
        preempt: &["preempt", "200ms"], &[], Plain;
        contend: &["yield", "200ms"], &[], Plain;
        scavenge: &["scavenge"], &[], Plain;
        grow: &["grow"], &[], Plain;
        timer: &["timer"], &[], Plain;
        wake: &["wake", "100ms"], &[], Plain;
        processors: &["procs"], &[], Plain;
        folder: &["folder"], &["newfstatat"], Plain;
        thread: &["thread", "100ms"], &[], Plain;
        profile: &["profile"], &[], Plain;
        clock_without_vdso: &["clock"], &[], WithoutVdso;
        time_without_vdso: &["time"], &[], WithoutVdso;
        random: &["random"], &[], Plain;
    }
}
