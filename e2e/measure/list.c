/* Times one listing of all domains with their state, as a list of seconds: `list api SOCKET ROUNDS` asks Corbel's API,
   `list libvirt URI ROUNDS` makes the bulk call of libvirt with the same groups of figures that Corbel asks for. Each round opens
   its connection anew on the API's side, as a program that asks once does; libvirt's connection is opened before the clock starts,
   which favours libvirt. Runs inside the node for `cargo xtask bench list-ratio`. */

#include <libvirt/libvirt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* The answer is read to its end; its length is told, so that an error is not taken for a fast listing. */
static size_t ask_api(const char *path)
{
    static const char request[] = "GET /v1/vms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    static char buffer[65536];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    size_t length = 0;
    ssize_t got;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd < 0 || strlen(path) >= sizeof address.sun_path)
        fail("socket");
    strcpy(address.sun_path, path);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    if (write(fd, request, sizeof request - 1) != (ssize_t)(sizeof request - 1))
        fail("write");
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        if (length == 0 && strncmp(buffer, "HTTP/1.1 200", 12) != 0) {
            fprintf(stderr, "the API answers %.60s\n", buffer);
            exit(1);
        }
        length += (size_t)got;
    }
    if (got < 0)
        fail("read");
    close(fd);
    return length;
}

static size_t ask_libvirt(virConnectPtr connection)
{
    virDomainStatsRecordPtr *records;
    int count = virConnectGetAllDomainStats(connection,
                                            VIR_DOMAIN_STATS_STATE | VIR_DOMAIN_STATS_VCPU | VIR_DOMAIN_STATS_BALLOON,
                                            &records, VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT);

    if (count < 0)
        exit(1);
    virDomainStatsRecordListFree(records);
    return (size_t)count;
}

int main(int count, char **arguments)
{
    virConnectPtr connection = NULL;
    size_t seen = 0;
    int rounds;

    if (count != 4) {
        fputs("usage: list api SOCKET ROUNDS | list libvirt URI ROUNDS\n", stderr);
        return 2;
    }
    if (strcmp(arguments[1], "libvirt") == 0 && !(connection = virConnectOpen(arguments[2])))
        return 1;
    for (rounds = atoi(arguments[3]); rounds > 0; rounds--) {
        double start = now();
        seen = connection ? ask_libvirt(connection) : ask_api(arguments[2]);
        printf("%.6f\n", now() - start);
    }
    printf("seen %zu\n", seen);
    if (connection)
        virConnectClose(connection);
    return 0;
}
