/* Programs that live in unusual ways. Each makes `getppid` a known number of times: nothing else here calls
 * it, so its count in the recording must be exactly that. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *self;
static char **environment;

static void die(const char *what) {
    perror(what);
    _exit(1);
}

static void calls(long count) {
    for (long i = 0; i < count; i++) syscall(SYS_getppid);
}

/* Each time a line comes: so many calls, and if the line is a number, an `ioctl` with that command too. */
static int on_demand(long count) {
    char line[32];
    while (fgets(line, sizeof line, stdin)) {
        unsigned long command = strtoul(line, NULL, 10);
        calls(count);
        if (command) syscall(SYS_ioctl, -1, command, 0x5ecc);
        puts("done");
        fflush(stdout);
    }
    return 0;
}

static atomic_bool stop;

static void *call_until_stopped(void *unused) {
    long count = 0;
    (void)unused;
    for (; !atomic_load_explicit(&stop, memory_order_relaxed); count++) syscall(SYS_getppid);
    return (void *)count;
}

/* As many calls as two threads can make in so many milliseconds; prints how many that were. */
static int busy(long milliseconds) {
    pthread_t threads[2];
    long total = 0;
    struct timespec pause = {milliseconds / 1000, milliseconds % 1000 * 1000000};
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, call_until_stopped, NULL);
    nanosleep(&pause, NULL);
    atomic_store(&stop, true);
    for (int i = 0; i < 2; i++) {
        void *count;
        pthread_join(threads[i], &count);
        total += (long)count;
    }
    printf("%ld\n", total);
    return 0;
}

/* 32-bit calls from 64-bit code: number 20 is getpid there, and writev here. */
static int int80(long count) {
    for (long i = 0; i < count; i++) {
        long result = 20;
        __asm__ volatile("int $0x80" : "+a"(result) : : "r8", "r9", "r10", "r11", "memory");
    }
    return 0;
}

/* x32 numbers: 20 is writev there too, and no such call may be counted as native. */
static int x32(long count) {
    for (long i = 0; i < count; i++) syscall(0x40000000 + 20, -1, NULL, 0);
    return 0;
}

static void *calls_and_end(void *count) {
    /* By now the leader is gone, or soon will be; either way the process goes on. */
    usleep(100000);
    calls((long)count);
    exit(0);
}

static int leaderless(long count) {
    pthread_t thread;
    pthread_create(&thread, NULL, calls_and_end, (void *)count);
    pthread_exit(NULL);
}

static void execute_self(const char *mode, long count) {
    char number[32];
    snprintf(number, sizeof number, "%ld", count);
    char *words[] = {(char *)self, (char *)mode, number, NULL};
    execve(self, words, environment);
    die("execve");
}

static void *exec_from_thread(void *count) {
    execute_self("calls", (long)count);
    return NULL;
}

static void thread_exec(long count) {
    pthread_t thread;
    pthread_create(&thread, NULL, exec_from_thread, (void *)count);
    for (;;) pause();
}

/* A sister instead of a child: its parent is ours. The pipe tells when it has ended. */
static int clone_parent(long count) {
    int ends[2];
    char end;
    if (pipe(ends)) die("pipe");
    long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
    if (pid < 0) die("clone");
    if (pid == 0) {
        calls(count);
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &end, 1) < 0) die("read");
    return 0;
}

static int memfd(long count) {
    char buffer[1 << 16], number[32];
    ssize_t length;
    int from = open(self, O_RDONLY), to = memfd_create("odd", MFD_CLOEXEC);
    while ((length = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, length) != length) die("write");
    snprintf(number, sizeof number, "%ld", count);
    char *words[] = {"odd", "calls", number, NULL};
    fexecve(to, words, environment);
    die("fexecve");
    return 1;
}

/* So many children, each with one call, as fast as they can be made. */
static int storm(long count) {
    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (pid == 0) {
            calls(1);
            _exit(0);
        }
        if (i % 64 == 63) while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
    while (wait(NULL) > 0 || errno == EINTR) {}
    return 0;
}

/* So many children, each of which executes us again for one call. */
static int exec_storm(long count) {
    for (long i = 0; i < count; i++) {
        pid_t pid = fork();
        if (pid < 0) die("fork");
        if (pid == 0) execute_self("calls", 1);
        if (i % 16 == 15) while (waitpid(-1, NULL, WNOHANG) > 0) {}
    }
    while (wait(NULL) > 0 || errno == EINTR) {}
    return 0;
}

/* A process with a given id (clone3's set_tid): how an id comes to be reused at once. */
static int with_pid(long wanted, long count) {
    pid_t pid = (pid_t)wanted;
    struct clone_args arguments = {.exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1};
    long child = syscall(SYS_clone3, &arguments, sizeof arguments);
    if (child < 0) die("clone3");
    if (child == 0) {
        calls(count);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    return 0;
}

/* More argument values than are kept. */
static int many_arguments(long count) {
    for (long i = 0; i < count; i++) syscall(SYS_ioctl, -1, i, 0);
    return 0;
}

/* For each byte on standard input one ptrace that fails, and then one getsid, which no runtime makes; prints when
 * the first was made, in nanoseconds since 1970. */
static int trace_when_told(void) {
    char told;
    while (read(0, &told, 1) == 1) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        syscall(SYS_ptrace, PTRACE_PEEKDATA, -1, NULL, NULL);
        syscall(SYS_getsid, 0);
        printf("%ld%09ld\n", (long)now.tv_sec, now.tv_nsec);
        fflush(stdout);
    }
    return 0;
}

/* Blocked in one call from before the recording to after its end; a line on standard input ends it. */
static int blocked(void) {
    char line;
    return read(0, &line, 1) < 0;
}

int main(int argc, char **argv, char **env) {
    const char *mode = argc > 1 ? argv[1] : "";
    long count = argc > 2 ? atol(argv[2]) : 0;
    self = "/proc/self/exe";
    environment = env;
    if (!strcmp(mode, "calls")) return calls(count), 0;
    if (!strcmp(mode, "on-demand")) return on_demand(count);
    if (!strcmp(mode, "busy")) return busy(count);
    if (!strcmp(mode, "int80")) return int80(count);
    if (!strcmp(mode, "x32")) return x32(count);
    if (!strcmp(mode, "leaderless")) return leaderless(count);
    if (!strcmp(mode, "thread-exec")) thread_exec(count);
    if (!strcmp(mode, "clone-parent")) return clone_parent(count);
    if (!strcmp(mode, "memfd")) return memfd(count);
    if (!strcmp(mode, "storm")) return storm(count);
    if (!strcmp(mode, "exec-storm")) return exec_storm(count);
    if (!strcmp(mode, "with-pid")) return with_pid(count, argc > 3 ? atol(argv[3]) : 0);
    if (!strcmp(mode, "many-arguments")) return many_arguments(count);
    if (!strcmp(mode, "trace-when-told")) return trace_when_told();
    if (!strcmp(mode, "blocked")) return blocked();
    fprintf(stderr, "odd: unknown mode '%s'\n", mode);
    return 2;
}
