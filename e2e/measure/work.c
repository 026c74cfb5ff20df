/* How fast this machine works, for `cargo xtask bench collection-cost`, which runs it inside the node and beside it: prints the time
   of a step of a program (a figure is written as text and read again) and of a step of the kernel (a short message goes through a
   UNIX socket), in nanoseconds, each the middle of some rounds. They are what a collector does all day. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 5, FIGURES = 50000, MESSAGES = 20000 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void program(void)
{
    static char line[128];
    double sum = 0.0;

    for (int i = 0; i < FIGURES; i++) {
        int length = snprintf(line, sizeof line, "node/virt-vm-%04d/virt_cpu_total %.6f", i % 100, i * 1.25);
        if (length < 0)
            fail("snprintf");
        sum += strtod(strchr(line, ' ') + 1, NULL);
    }
    /* What nobody looks at may be left out by the compiler. */
    if (sum < 0.0)
        fail("sum");
}

static void kernel(void)
{
    static char message[64];
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0)
        fail("socketpair");
    for (int i = 0; i < MESSAGES; i++)
        if (write(ends[0], message, sizeof message) != sizeof message || read(ends[1], message, sizeof message) != sizeof message)
            fail("socket");
    close(ends[0]);
    close(ends[1]);
}

static int order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double step(void (*work)(void), int steps)
{
    double times[ROUNDS];

    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        work();
        times[round] = (now() - start) / steps;
    }
    qsort(times, ROUNDS, sizeof *times, order);
    return times[ROUNDS / 2];
}

int main(void)
{
    double of_program = step(program, FIGURES);
    double of_kernel = step(kernel, MESSAGES);

    printf("%.1f %.1f\n", of_program, of_kernel);
    return 0;
}
