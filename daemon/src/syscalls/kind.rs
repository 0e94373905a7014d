//! What a system call is about: one kind for every name.

/// What a system call is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Open files and what is done with their descriptors.
    Files,
    /// What folders and file systems say of files, and how that is changed.
    Attributes,
    /// Folders, links and names of files.
    Folders,
    /// Sockets.
    Network,
    /// Waiting for several files at once, and calls that are made ahead.
    Polling,
    /// The address space.
    Memory,
    /// Threads of the process, and when they run.
    Threads,
    /// Processes: how they begin and end.
    Processes,
    /// Signals.
    Signals,
    /// Users, groups, capabilities, and restrictions of oneself.
    Identity,
    /// Clocks and timers.
    Time,
    /// The host, its limits, and randomness.
    Host,
    /// Messages, semaphores and memory shared with other processes, and keys.
    Exchange,
    /// Mounts, namespaces and another root folder.
    Mounts,
    /// Looking into other processes and the kernel.
    Tracing,
    /// The kernel itself and its devices.
    Kernel,
}

impl Kind {
    /// Every kind.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.into_iter().map(|(kind, ..)| kind)
    }

    /// One word that file formats use.
    pub const fn name(self) -> &'static str {
        KINDS[self as usize].1
    }

    /// What people call it.
    pub const fn title(self) -> &'static str {
        KINDS[self as usize].2
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        KINDS[self as usize].3.split(' ')
    }
}

/// Every kind in the order of [`Kind`]: one word for file formats, what people call it, and the calls of it.
const KINDS: [(Kind, &str, &str, &str); 16] = [
    (
        Kind::Files,
        "files",
        "files: open, read, write",
        "close close_range copy_file_range creat dup dup2 dup3 fadvise64 fallocate fcntl fdatasync flock \
         fsync ftruncate ioctl lseek memfd_create open openat openat2 pipe pipe2 pread64 preadv preadv2 \
         pwrite64 pwritev pwritev2 read readahead readv sendfile splice sync sync_file_range syncfs tee \
         truncate vmsplice write writev",
    ),
    (
        Kind::Attributes,
        "attributes",
        "files: attributes and owners",
        "access chmod chown faccessat faccessat2 fchmod fchmodat fchmodat2 fchown fchownat fgetxattr \
         file_getattr file_setattr flistxattr fremovexattr fsetxattr fstat fstatfs futimesat getxattr \
         getxattrat lchown lgetxattr listxattr listxattrat llistxattr lremovexattr lsetxattr lstat newfstatat \
         quotactl quotactl_fd removexattr removexattrat setxattr setxattrat stat statfs statx umask ustat \
         utime utimensat utimes",
    ),
    (
        Kind::Folders,
        "folders",
        "folders and links",
        "chdir fanotify_init fanotify_mark fchdir getcwd getdents getdents64 inotify_add_watch inotify_init \
         inotify_init1 inotify_rm_watch link linkat lookup_dcookie mkdir mkdirat mknod mknodat \
         name_to_handle_at open_by_handle_at readlink readlinkat rename renameat renameat2 rmdir symlink \
         symlinkat unlink unlinkat",
    ),
    (
        Kind::Network,
        "network",
        "network",
        "accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg \
         sendmmsg sendmsg sendto setsockopt shutdown socket socketpair",
    ),
    (
        Kind::Polling,
        "polling",
        "polling and asynchronous I/O",
        "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait \
         epoll_wait_old eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_setup io_submit \
         io_uring_enter io_uring_register io_uring_setup poll ppoll pselect6 select",
    ),
    (
        Kind::Memory,
        "memory",
        "memory",
        "brk cachestat get_mempolicy madvise map_shadow_stack mbind memfd_secret migrate_pages mincore mlock \
         mlock2 mlockall mmap move_pages mprotect mremap mseal msync munlock munlockall munmap pkey_alloc \
         pkey_free pkey_mprotect remap_file_pages set_mempolicy set_mempolicy_home_node",
    ),
    (
        Kind::Threads,
        "threads",
        "threads and scheduling",
        "arch_prctl futex futex_requeue futex_wait futex_waitv futex_wake get_robust_list get_thread_area \
         getcpu getpriority gettid ioprio_get ioprio_set membarrier modify_ldt rseq sched_get_priority_max \
         sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler \
         sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield \
         set_robust_list set_thread_area set_tid_address setpriority",
    ),
    (
        Kind::Processes,
        "processes",
        "processes",
        "clone clone3 execve execveat exit exit_group fork getpgid getpgrp getpid getppid getsid personality \
         pidfd_open prctl process_mrelease setpgid setsid uselib vfork wait4 waitid",
    ),
    (
        Kind::Signals,
        "signals",
        "signals",
        "kill pause pidfd_send_signal restart_syscall rt_sigaction rt_sigpending rt_sigprocmask \
         rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sigaltstack signalfd \
         signalfd4 tgkill tkill",
    ),
    (
        Kind::Identity,
        "identity",
        "users, capabilities, confinement",
        "capget capset getegid geteuid getgid getgroups getresgid getresuid getuid landlock_add_rule \
         landlock_create_ruleset landlock_restrict_self lsm_get_self_attr lsm_list_modules lsm_set_self_attr \
         seccomp security setfsgid setfsuid setgid setgroups setregid setresgid setresuid setreuid setuid",
    ),
    (
        Kind::Time,
        "time",
        "time",
        "adjtimex alarm clock_adjtime clock_getres clock_gettime clock_nanosleep clock_settime getitimer \
         gettimeofday nanosleep setitimer settimeofday time timer_create timer_delete timer_getoverrun \
         timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times",
    ),
    (
        Kind::Host,
        "host",
        "host, limits, randomness",
        "getrandom getrlimit getrusage prlimit64 setdomainname sethostname setrlimit sysfs sysinfo uname",
    ),
    (
        Kind::Exchange,
        "exchange",
        "exchange with other processes",
        "add_key getpmsg keyctl mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl \
         msgget msgrcv msgsnd putpmsg request_key semctl semget semop semtimedop shmat shmctl shmdt shmget",
    ),
    (
        Kind::Mounts,
        "mounts",
        "mounts and namespaces",
        "chroot fsconfig fsmount fsopen fspick listmount mount mount_setattr move_mount open_tree \
         open_tree_attr pivot_root setns statmount umount2 unshare",
    ),
    (
        Kind::Tracing,
        "tracing",
        "tracing of processes",
        "bpf kcmp perf_event_open pidfd_getfd process_madvise process_vm_readv process_vm_writev ptrace \
         uprobe uretprobe userfaultfd",
    ),
    (
        Kind::Kernel,
        "kernel",
        "kernel and devices",
        "_sysctl acct afs_syscall create_module delete_module finit_module get_kernel_syms init_module ioperm \
         iopl kexec_file_load kexec_load nfsservctl query_module reboot swapoff swapon syslog tuxcall vhangup \
         vserver",
    ),
];

/// The kind of a call, or nothing for a name that no architecture here has.
pub fn kind(name: &str) -> Option<Kind> {
    Kind::all().find(|kind| kind.names().any(|other| other == name))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::Arch;
    use crate::syscalls::all;

    /// Check that every call of both architectures is of one kind, and that nothing else is.
    #[test]
    fn every_call_is_of_one_kind() {
        let mut kinds = BTreeMap::<&str, Vec<Kind>>::new();
        for (place, kind) in Kind::all().enumerate() {
            assert_eq!(kind as usize, place, "{kind:?} stands in another place of the table");
            for name in kind.names() {
                kinds.entry(name).or_default().push(kind);
            }
        }
        for arch in Arch::ALL {
            for (_, name) in all(arch) {
                assert_eq!(kinds.get(name).map(Vec::len), Some(1), "{name} on {}", arch.name());
                assert_eq!(kind(name), kinds.get(name).map(|kinds| kinds[0]));
            }
        }
        let is_known = |name: &&str| Arch::ALL.iter().any(|&arch| all(arch).any(|(_, other)| other == *name));
        let unknown: Vec<_> = kinds.keys().filter(|name| !is_known(name)).collect();
        assert!(unknown.is_empty(), "no architecture has {unknown:?}");
        assert_eq!(kind("syscall_500"), None);
    }
}
