/* Many boards that boot at once: TFTP clients on one epoll, every byte compared.
 *
 *   load HOST PORT NAME FILE BOARDS TIMES BLKSIZE WINDOW LOSS MISSING SEARCH PROBE
 *
 * Each board asks TIMES times for NAME, which must be what FILE holds. BLKSIZE 0 asks
 * without options. LOSS is a percentage, lost in either direction by a fixed seed. MISSING
 * requests for what does not exist come first: of one name, or if SEARCH is 1, of those of
 * U-Boot's `pxe get`: by MAC, by address, 8 times, and the default. Then, if PROBE is 1, a
 * request that is broken off at its OACK.
 * Each board has an address of its own, 127.1.x.y.
 *
 * Prints: complete wrong bytes seconds p50 p99 longest retries
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { RETRY_AFTER = 1, RETRIES = 12, LIMIT = 60 }; /* seconds, times, seconds */
enum state { ASKING, RECEIVING, LEAVING, IDLE };

struct board {
    int socket;
    enum state state;
    int step;    /* of MISSING names, the probe, and the file itself */
    int fetched; /* how many times */
    int block_size, window, in_window, told_gap;
    uint32_t following; /* the block that is waited for */
    size_t received;
    double began, last_packet, last_sent;
    int retries;
    struct sockaddr_in server;
    uint8_t packet[600]; /* the last one sent */
    size_t length;
    uint32_t dice;
};

static int boards_count, times, block_size, window, missing, search, probe, poller;
static double loss;
static const char *name;
static const uint8_t *expected;
static size_t expected_size;
static struct sockaddr_in port_69;
static double *seconds_of; /* each fetch that was complete */
static long complete, wrong, retries, running;
static unsigned long long bytes;

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static int is_lost(struct board *board)
{
    board->dice = board->dice * 1664525u + 1013904223u;
    return (board->dice >> 8) % 100000 < loss * 1000;
}

static void transmit(struct board *board)
{
    board->last_sent = now();
    if (!is_lost(board))
        sendto(board->socket, board->packet, board->length, 0,
               (struct sockaddr *)&board->server, sizeof board->server);
}

static void send_ack(struct board *board)
{
    uint32_t block = board->following - 1;
    uint8_t ack[] = {0, 4, (uint8_t)(block >> 8), (uint8_t)block};
    memcpy(board->packet, ack, board->length = sizeof ack);
    board->in_window = 0;
    transmit(board);
}

static void add(struct board *board, const char *text)
{
    size_t length = strlen(text) + 1;
    memcpy(board->packet + board->length, text, length);
    board->length += length;
}

static void add_option(struct board *board, const char *option, int value)
{
    char digits[12];
    snprintf(digits, sizeof digits, "%d", value);
    add(board, option);
    add(board, digits);
}

static struct board *boards;

static uint32_t address_of(const struct board *board)
{
    unsigned number = (unsigned)(board - boards);
    return 127u << 24 | 1u << 16 | number / 250 << 8 | (number % 250 + 1);
}

static void add_missing_name(struct board *board)
{
    char file[40], hex[9];
    uint32_t address = address_of(board);
    snprintf(hex, sizeof hex, "%08X", address);
    if (!search)
        strcpy(file, "pxelinux.cfg/no-such-file");
    else if (board->step == 0)
        snprintf(file, sizeof file, "pxelinux.cfg/01-02-00-7f-01-%02x-%02x",
                 address >> 8 & 255, address & 255);
    else if (board->step <= 8)
        snprintf(file, sizeof file, "pxelinux.cfg/%.*s", 9 - board->step, hex);
    else
        strcpy(file, "pxelinux.cfg/default");
    add(board, file);
}

static void new_socket(struct board *board)
{
    struct sockaddr_in own = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = board};
    if (board->socket >= 0)
        close(board->socket);
    board->socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    own.sin_addr.s_addr = htonl(address_of(board));
    if (board->socket < 0 || bind(board->socket, (struct sockaddr *)&own, sizeof own) < 0) {
        perror("a board's socket");
        exit(2);
    }
    epoll_ctl(poller, EPOLL_CTL_ADD, board->socket, &event);
}

static int is_probe(const struct board *board) { return probe && board->step == missing; }

static void ask(struct board *board)
{
    new_socket(board);
    board->server = port_69;
    board->state = ASKING;
    board->block_size = 512;
    board->window = 1;
    board->following = 1;
    board->in_window = board->told_gap = board->retries = 0;
    board->received = 0;
    memcpy(board->packet, "\0\1", board->length = 2);
    if (board->step < missing)
        add_missing_name(board);
    else
        add(board, name);
    add(board, "octet");
    if (block_size || is_probe(board))
        add_option(board, "tsize", 0);
    if (block_size)
        add_option(board, "blksize", block_size);
    if (window > 1)
        add_option(board, "windowsize", window);
    if (board->step == 0)
        board->began = now();
    board->last_packet = now();
    transmit(board);
}

static void fetch_again(struct board *board)
{
    board->step = 0;
    if (board->fetched < times)
        return ask(board);
    board->state = IDLE;
    close(board->socket);
    board->socket = -1;
    running--;
}

static void finish(struct board *board)
{
    seconds_of[complete++] = now() - board->began;
    board->fetched++;
    board->state = LEAVING; /* its last ACK may be lost */
    if (loss == 0)
        fetch_again(board);
}

static void fail(struct board *board)
{
    wrong++;
    board->fetched++;
    fetch_again(board);
}

static void break_off(struct board *board)
{
    memcpy(board->packet, "\0\5\0\10no\0", board->length = 7);
    transmit(board);
    board->step++;
    ask(board);
}

static void on_oack(struct board *board, char *packet, ssize_t length)
{
    char *end = packet + length, *option = packet + 2;
    if (board->state == RECEIVING && board->following > 1)
        return;
    while (option < end) {
        char *value = option + strlen(option) + 1;
        if (value >= end)
            return fail(board);
        if (!strcasecmp(option, "blksize"))
            board->block_size = atoi(value);
        if (!strcasecmp(option, "windowsize"))
            board->window = atoi(value);
        if (!strcasecmp(option, "tsize") && (size_t)atoll(value) != expected_size)
            return fail(board);
        option = value + strlen(value) + 1;
    }
    if (is_probe(board))
        return break_off(board);
    board->state = RECEIVING;
    send_ack(board);
}

static void on_block(struct board *board, const uint8_t *payload, size_t length)
{
    if (board->received + length > expected_size ||
        memcmp(expected + board->received, payload, length))
        return fail(board);
    board->received += length;
    bytes += length;
    board->following++;
    board->told_gap = board->retries = 0;
    if (length < (size_t)board->block_size) {
        if (board->received != expected_size)
            return fail(board);
        send_ack(board);
        return finish(board);
    }
    if (++board->in_window == board->window)
        send_ack(board);
}

static void on_data(struct board *board, const uint8_t *packet, size_t length)
{
    uint16_t ahead = (uint16_t)((packet[2] << 8 | packet[3]) - board->following);
    if (board->state == ASKING) { /* no OACK: this server has no options */
        if (ahead)
            return;
        if (is_probe(board))
            return break_off(board);
        board->state = RECEIVING;
    }
    if (ahead == 0 && length - 4 <= (size_t)board->block_size)
        return on_block(board, packet + 4, length - 4);
    if (ahead == 0xffff || (ahead < 0x8000 && board->window > 1 && !board->told_gap)) {
        board->told_gap = ahead < 0x8000;
        send_ack(board);
    }
}

static void on_packet(struct board *board, uint8_t *packet, ssize_t length,
                      const struct sockaddr_in *sender)
{
    if (board->state == LEAVING) {
        if (packet[1] == 3)
            transmit(board);
        return;
    }
    if (is_lost(board))
        return;
    board->last_packet = now();
    if (packet[1] == 5 && board->step < missing) {
        board->step++;
        return ask(board);
    }
    if (packet[1] == 5 || board->step < missing)
        return fail(board);
    if (board->state == ASKING)
        board->server = *sender;
    else if (board->server.sin_port != sender->sin_port)
        return;
    packet[length] = 0;
    if (packet[1] == 6)
        on_oack(board, (char *)packet, length);
    else if (packet[1] == 3)
        on_data(board, packet, (size_t)length);
}

static void receive(struct board *board)
{
    static uint8_t packet[65537];
    for (int i = 0; i < board->window && board->socket >= 0; i++) {
        struct sockaddr_in sender;
        socklen_t size = sizeof sender;
        int socket = board->socket;
        ssize_t length = recvfrom(socket, packet, sizeof packet - 1, 0,
                                  (struct sockaddr *)&sender, &size);
        if (length < 4)
            return;
        on_packet(board, packet, length, &sender);
        if (board->socket != socket)
            return;
    }
}

static void look_at_the_clock(void)
{
    double time = now();
    for (int i = 0; i < boards_count; i++) {
        struct board *board = boards + i;
        double last = board->last_sent > board->last_packet ? board->last_sent : board->last_packet;
        if (board->state == IDLE || time - last < RETRY_AFTER)
            continue;
        if (board->state == LEAVING) {
            fetch_again(board);
            continue;
        }
        retries++;
        if (++board->retries > RETRIES)
            fail(board);
        else
            transmit(board);
    }
}

static int compare(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return difference < 0 ? -1 : difference > 0;
}

static double share(double part)
{
    return complete ? seconds_of[(long)((double)(complete - 1) * part)] : -1;
}

static void map(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0) {
        perror(path);
        exit(2);
    }
    expected_size = (size_t)status.st_size;
    expected = mmap(0, expected_size + 1, PROT_READ, MAP_SHARED | MAP_POPULATE, file, 0);
}

int main(int count, char **words)
{
    if (count != 13)
        return fprintf(stderr, "see the head of load.c\n"), 2;
    port_69.sin_family = AF_INET;
    inet_aton(words[1], &port_69.sin_addr);
    port_69.sin_port = htons((uint16_t)atoi(words[2]));
    name = words[3];
    map(words[4]);
    boards_count = atoi(words[5]), times = atoi(words[6]), block_size = atoi(words[7]);
    window = atoi(words[8]), loss = atof(words[9]), missing = atoi(words[10]);
    search = atoi(words[11]), probe = atoi(words[12]);
    boards = calloc((size_t)boards_count, sizeof *boards);
    seconds_of = calloc((size_t)(boards_count * times), sizeof *seconds_of);
    poller = epoll_create1(0);
    double began = now(), looked = began;
    running = boards_count;
    for (int i = 0; i < boards_count; i++) {
        boards[i].socket = -1;
        boards[i].dice = (uint32_t)i * 2654435761u + 7;
        ask(boards + i);
    }
    while (running && now() - began < LIMIT) {
        struct epoll_event events[256];
        int ready = epoll_wait(poller, events, 256, 5);
        for (int i = 0; i < ready; i++)
            receive(events[i].data.ptr);
        if (now() - looked > 0.005) {
            look_at_the_clock();
            looked = now();
        }
    }
    qsort(seconds_of, (size_t)complete, sizeof *seconds_of, compare);
    printf("%ld %ld %llu %f %f %f %f %ld\n", complete, wrong, bytes, now() - began, share(0.5),
           share(0.99), share(1), retries);
    return 0;
}
